package rest

// setup and example are the first half of the vendor's page.
func setup() []string {
	return []string{
		"Make a token or an account that may set other users' passwords there, and nothing else.",
		"Find in its documents which address, method, body members and statuses set a password.",
		"For a proof, name in `Verify URL` what takes a GET with Basic authentication as the user, and answers 401 without credentials and with a wrong password: try both once.",
	}
}

const example = `user: jdoe@example.com
oldPassword: 'First-Pass!word-1'
newPassword: 'Second-Pass!word-2'
accessRecord:
  Target: rest
  Allowed Users: jdoe@example.com
  url: https://api.example.com/v1/password
  password: 'rest-token/with+signs=0001'
  Verify URL: https://api.example.com/v1/me
`
