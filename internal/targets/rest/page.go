package rest

// setup and example are the first half of the vendor's page.
func setup() []string {
	return []string{
		"Make a token or an account at the API that may set other users' passwords at that endpoint, and nothing else.",
		"Find out from the API's documents which address, method and names of body members set a password, and which statuses mean that it was set.",
		"For a proof, find an address that a GET with Basic authentication may be sent to as the user. It must answer 401 without credentials and with a wrong password: try both once. Name it in `Verify URL`.",
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
