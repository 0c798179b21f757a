// rotate.cjs USER SOURCE PASSWORD sets a password with SailPoint's own SDK, which reads where
// the tenant is and how to get in from SAIL_BASE_URL, SAIL_CLIENT_ID and SAIL_CLIENT_SECRET.
// It prints the final status of the change.
const crypto = require("node:crypto");
const { setTimeout } = require("node:timers/promises");
const { Configuration, PasswordManagementApi } = require("sailpoint-api-client");

async function main([user, source, password]) {
	const api = new PasswordManagementApi(new Configuration());
	const info = (await api.queryPasswordInfo({ passwordInfoQueryDTO: { userName: user, sourceName: source } })).data;
	const key = crypto.createPublicKey({ key: Buffer.from(info.publicKey, "base64"), format: "der", type: "spki" });
	const encrypted = crypto.publicEncrypt({ key, padding: crypto.constants.RSA_PKCS1_PADDING }, Buffer.from(password));
	let change = (await api.setPassword({
		passwordChangeRequest: {
			identityId: info.identityId,
			encryptedPassword: encrypted.toString("base64"),
			publicKeyId: info.publicKeyId,
			accountId: info.accounts[0].accountId,
			sourceId: info.sourceId,
		},
	})).data;
	for (let reads = 0; change.state === "IN_PROGRESS" && reads < 50; reads++) {
		await setTimeout(200);
		change = (await api.getPasswordChangeStatus({ id: change.requestId })).data;
	}
	console.log(change.state);
}

main(process.argv.slice(2)).catch((error) => {
	console.error(error.message, JSON.stringify(error.response?.data));
	process.exit(1);
});
