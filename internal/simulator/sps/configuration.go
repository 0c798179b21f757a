package sps

import (
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
)

// configuration is what a transaction works on and a commit puts in force.
type configuration struct {
	users     []user
	groups    []group
	root      string                    // reference of root's password object
	passwords map[string]passwordObject // by reference
}

// user is a user of the local database. Its fields are replaced, never altered,
// because copies of the configuration share them.
type user struct {
	key, name, reference string
	fields               map[string]any
	rest, administrator  bool
}

type group struct {
	key, name string
	members   []string
}

// passwordObject is used once something refers, or has referred, to it.
type passwordObject struct {
	plain string
	used  bool
}

func (c configuration) clone() configuration {
	c.users = slices.Clone(c.users)
	c.passwords = maps.Clone(c.passwords)
	return c
}

// user returns the user of that key; nil if there is none.
func (c configuration) user(key string) *user {
	for i := range c.users {
		if c.users[i].key == key {
			return &c.users[i]
		}
	}
	return nil
}

// create adds a password object and returns its reference.
func (c configuration) create(plain string) (reference string) {
	random := randomBytes(16)
	reference = fmt.Sprintf("%x-%x-%x-%x-%x", random[:4], random[4:6], random[6:8], random[8:10], random[10:])
	c.passwords[reference] = passwordObject{plain: plain}
	return reference
}

// unused reports whether there is such a password object and nothing has ever
// referred to it.
func (c configuration) unused(reference string) bool {
	object, there := c.passwords[reference]
	return there && !object.used
}

func (c configuration) use(reference string) {
	object := c.passwords[reference]
	object.used = true
	c.passwords[reference] = object
}

// sweep deletes the password objects to which nothing refers.
func (c configuration) sweep() {
	maps.DeleteFunc(c.passwords, func(reference string, _ passwordObject) bool {
		return reference != c.root && !slices.ContainsFunc(c.users, func(user user) bool { return user.reference == reference })
	})
}

func randomBytes(count int) []byte {
	random := make([]byte, count)
	// It never returns an error; see its documentation.
	_, _ = rand.Read(random)
	return random
}
