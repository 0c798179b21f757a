// Does with Keeper's own SDK what it is told on standard input, a JSON object, and prints what
// came of it as another. javascript_test.go runs it.
import { readFileSync } from "node:fs";
import {
  createSecret2, deleteSecret, getFolders, getNotationResults, getSecrets, loadJsonConfig, updateSecret,
} from "@keeper-security/secrets-manager-core";

console.log = console.error; // the SDK's own words; standard output is for the result

const { config, verb, uid, folder, record, label, value, notations } = JSON.parse(readFileSync(0, "utf8"));
const waits = [];
const options = {
  storage: loadJsonConfig(config),
  throttleSleep: async (milliseconds) => { waits.push(milliseconds); },
};

const verbs = {
  async read() {
    const { records } = await getSecrets(options);
    return records.map(({ recordUid, folderUid, data }) => ({ uid: recordUid, folder: folderUid ?? "", data }));
  },
  async update() {
    const { records: [found] } = await getSecrets(options, [uid]);
    found.data.custom.find((field) => field.label === label).value = [value];
    await updateSecret(options, found);
  },
  async create() {
    await getFolders(options);
    return createSecret2(options, { folderUid: folder }, record);
  },
  async delete() {
    return (await deleteSecret(options, [uid])).records;
  },
  async notations() {
    const results = {};
    for (const notation of notations) {
      results[notation] = await getNotationResults(options, notation).catch(() => null);
    }
    return results;
  },
};

const result = (await verbs[verb]()) ?? null;
process.stdout.write(JSON.stringify({ result, waits }));
