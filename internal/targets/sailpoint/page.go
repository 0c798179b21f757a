package sailpoint

// setup and example are the first half of the vendor's page.
func setup() []string {
	return []string{
		"As an administrator open Admin > Global > Security Settings > API Management and make a client with the grant type Client Credentials.",
		"Give it the scopes `idn:password-info:read` (look-up), `idn:password-change:manage` (change) and `idn:password-change:read` (status). Without the last one a run is refused, or every outcome unknown.",
		"Put its ID into the access record's login and its secret into the password.",
		"The source needs the feature PASSWORD, and the account an identity. Sources of delimited files cannot change passwords.",
		"Run `check`: match the PAM User's password complexity to the policies that it prints, without a colon.",
	}
}

const example = `user: Abby.Smith
oldPassword: 'First-Pass!word-1'
newPassword: 'Second-Pass!word-2'
accessRecord:
  Target: sailpoint
  Allowed Users: Abby.Smith
  url: https://acme.api.identitynow.com
  login: 6f3c1b1e-0f5d-4f5e-9a51-2f3f0c8d7a10
  password: 'Sp-client+secret/&=%é;0001'
  Source Name: My-AD
`
