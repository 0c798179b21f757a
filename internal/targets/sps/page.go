package sps

// setup and example are the first half of the vendor's page.
func setup() []string {
	return []string{
		"Make a local user for this alone; keep an administrator who is not rotated.",
		"Give its group the privilege `REST server`, which the group `api` lacks, and rights on the page of the local users (mode `local`) or the management settings (`root`). Privileges count from the next login on.",
		"Where AD, LDAP or RADIUS is the default login method, put `local` into `Login Method`, and keep that method enabled: access user and rotated users are local ones.",
		"For a proof by sign-in the rotated users need `REST server`, too.",
		"Match the password complexity of the PAM User's rotation settings to SPS's own rules, without `~`.",
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
