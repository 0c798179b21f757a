package venafi

// setup and example are the first half of the vendor's page.
func setup() []string {
	return []string{
		"Switch on the authentication method *Username & Password* in the default settings of the API. It is off by default.",
		"Make an API Integration with the scope `security:manage`, and allow the caller on it. Put its ID into `Client ID`, upper and lower case as there.",
		"Make the caller: a local identity for this alone, with *Allow Web SDK Access* and the Master Admin permission, that is not itself rotated with this record. A user who only changes the own password needs no permission.",
		"For the proof allow the rotated users on an integration, too, with *Allow Web SDK Access*. So that they need no share in `security:manage`, make a second one with a harmless scope such as `certificate`, and name it in `Verify Client ID` and `Verify Scope`.",
		"Match the password complexity of the PAM User's rotation settings: 12 characters or more of three kinds (lower case, upper case, digits, others), unless a policy says otherwise.",
	}
}

const example = `user: jdoe
oldPassword: 'First-Pass!word-1'
newPassword: 'Second-Pass!word-2'
accessRecord:
  Target: venafi
  Allowed Users: jdoe
  url: https://tpp.example.com/vedsdk
  login: rotator
  password: 'Caller-Pass!word-1'
  Client ID: Keeper-rotate
`
