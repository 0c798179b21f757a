package venafi

// setup and example are the first half of the vendor's page.
func setup() []string {
	return []string{
		"Switch on *Username & Password*, which is off by default, in the API's default settings.",
		"Make an API Integration with the scope `security:manage`, and give the caller access (*Edit Access*). Put its ID into `Client ID`.",
		"Make the caller: a local identity for this alone, with *Allow Web SDK Access* and the Master Admin permission.",
		"For the proof give the rotated users, or a group of theirs, access to a second integration with a harmless scope such as `certificate`, and *Allow Web SDK Access*. Name it in `Verify Client ID` and `Verify Scope`.",
		"Match the password complexity of the PAM User's rotation settings: 12 characters of three kinds, unless a policy differs.",
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
