package sps

// setup and example are the first half of the vendor's page.
func setup() []string {
	return []string{
		"Make a local user for this purpose alone, and keep a second administrator whose password is not rotated: an unknown outcome on the only one could lock everybody out.",
		"Give its group the privilege `REST server`, which the built-in group `api` does not have, and read and write rights on the page that owns the setting: that of the local users for mode `local`, that of the management settings for mode `root`. Mode `self` asks for no rights beyond `REST server`. Privileges count from the user's next login on.",
		"Where a directory or RADIUS is the default way to sign in, the access user needs `Login Method` = `local`.",
		"Match the password complexity of the PAM User's rotation settings to SPS's own rules, without `~` and without characters beyond ASCII.",
	}
}

const example = `user: jdoe
oldPassword: 'First-Pass!word-1'
newPassword: 'Second-Pass!word-2'
accessRecord:
  Target: sps
  Allowed Users: jdoe
  url: https://sps.example.com
  login: rotator
  password: 'Acc:ss "Pass" \word-1'
`
