package teramind

// setup and example are the first half of the vendor's page.
func setup() []string {
	return []string{
		"As an administrator open the user menu (top right) > Access Tokens > My Tokens > Add Access Token. The token carries the rights of its maker, so use a dedicated administrator who is not rotated himself.",
		"The token is shown once: put it into the access record's password. Any administrator can delete it later; a sudden 401 may be that.",
		"Match the password complexity of the PAM User's rotation settings to the instance's own rules.",
	}
}

const example = `user: jdoe@example.com
oldPassword: 'First-Pass!word-1'
newPassword: 'Second-Pass!word-2'
accessRecord:
  Target: teramind
  Allowed Users: jdoe@example.com
  url: https://teramind.example.com/tm-api
  password: 'Tm-full/access+token=0001'
`
