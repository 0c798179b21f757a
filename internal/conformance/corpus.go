package conformance

import "strings"

// Sample is one hostile value of the corpus.
type Sample struct {
	// Category says in a few words what makes the value hostile. Samples of one
	// category stand together.
	Category string
	// Text is the value: valid UTF-8, since a payload can carry nothing else.
	Text string
}

// The corpus stands in corpus_passwords.go and corpus_names.go. It leaves out what no
// output can be searched for: the words that the program itself prints, and the
// mark that it puts in a secret's place.

// corpusUser is the account of most benches, which the look-alikes in UserNames
// resemble.
const corpusUser = "rotated.user@example.com"

// Passwords returns new passwords that break programs which put text together instead
// of data, in an order that never changes, each once. Some are shorter than the
// four bytes from which on FindSecret looks for a secret; the first is empty.
func Passwords() []string { return texts(PasswordSamples()) }

// UserNames returns names that must never address an account of another name, in an
// order that never changes, each once. Among them are look-alikes of
// rotated.user@example.com and names that an account may well have. No simulated
// vendor has an account of any of them by itself.
func UserNames() []string { return texts(NameSamples(corpusUser)) }

// Secrets returns those of Passwords that can be searched for in output, as seeds for
// fuzz targets.
func Secrets() []string {
	var secrets []string
	for _, password := range Passwords() {
		if len(password) >= shortestSought {
			secrets = append(secrets, password)
		}
	}
	return secrets
}

// shortestSought is the length in bytes from which on FindSecret looks for a secret.
const shortestSought = 4

// PasswordSamples returns what Passwords does, with categories.
func PasswordSamples() []Sample {
	var samples []Sample
	for _, group := range []group{
		{"lengths", lengths()},
		{"symbols", symbols()},
		{"control characters", controls()},
		{"quotes and backslashes", quotesAndBackslashes},
		{"substitutions", substitutions},
		{"escapes as text", escapesAsText},
		{"outer blanks", outerBlanks},
		{"Unicode", unicodeTexts},
		{"right to left", rightToLeft},
		{"emoji", emoji},
		{"near surrogates", nearSurrogates},
		{"like JSON", likeJSON},
		{"like base64", likeBase64},
		{"like a number or word", likeNumbers},
		{"like a URL", likeURLs},
		{"like HTTP", likeHTTP},
		{"like a shell's", likeShell},
		{"like a query", likeQueries},
		{"like markup", likeMarkup},
		{"like a template", likeTemplates},
		{"like a path", likePaths},
		{"like an account", likeAccounts},
	} {
		samples = append(samples, group.samples()...)
	}
	return samples
}

// NameSamples returns hostile user names with categories: the same for every account,
// and then the look-alikes of one account's name, which is not among them.
func NameSamples(account string) []Sample {
	var samples []Sample
	for _, group := range []group{
		{"paths", namePaths},
		{"reserved characters", nameSymbols()},
		{"control characters", nameControls},
		{"blanks", nameBlanks},
		{"directories", nameDirectories},
		{"e-mail addresses", nameAddresses},
		{"no e-mail addresses", nameNoAddresses},
		{"numbers and words", nameNumbers},
		{"code", nameCode},
		{"Unicode", nameUnicode},
	} {
		samples = append(samples, group.samples()...)
	}
	seen := map[string]bool{account: true}
	for _, sample := range samples {
		seen[sample.Text] = true
	}
	for _, group := range lookAlikes(account) {
		for _, sample := range group.samples() {
			// What makes one name another may leave a shorter one as it is.
			if !seen[sample.Text] {
				seen[sample.Text] = true
				samples = append(samples, sample)
			}
		}
	}
	return samples
}

// group is the values of one category.
type group struct {
	category string
	texts    []string
}

func (g group) samples() []Sample {
	var samples []Sample
	for _, text := range g.texts {
		samples = append(samples, Sample{g.category, text})
	}
	return samples
}

func texts(samples []Sample) []string {
	var texts []string
	for _, sample := range samples {
		texts = append(texts, sample.Text)
	}
	return texts
}

// asciiSymbols are all printable ASCII characters that are neither letter nor digit,
// the blank included.
const asciiSymbols = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

// fill returns a text of that many bytes: the unit again and again, then dots.
func fill(unit string, size int) string {
	text := strings.Repeat(unit, size/len(unit))
	return text + strings.Repeat(".", size-len(text))
}
