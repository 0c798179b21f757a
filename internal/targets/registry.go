package targets

import (
	"fmt"
	"slices"
	"strings"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/params"
)

// Registry is the list of vendors, in the order of the documentation. Where the
// addresses of several could match, the first one wins.
type Registry []Info

// NewRegistry returns the vendors as a Registry. It panics on a name that comes twice
// and on an Info that lacks its name, its title or its constructor.
func NewRegistry(infos ...Info) Registry {
	names := map[string]bool{}
	for _, info := range infos {
		if info.Name == "" || info.Title == "" || info.New == nil || names[info.Name] {
			panic("targets: unusable or repeated info " + info.Name)
		}
		names[info.Name] = true
	}
	return infos
}

// Names returns the vendors' names in order.
func (r Registry) Names() []string {
	var names []string
	for _, info := range r {
		names = append(names, info.Name)
	}
	return names
}

// Find returns the vendor of that name, in any case.
func (r Registry) Find(name string) (Info, bool) {
	for _, info := range r {
		if strings.EqualFold(info.Name, strings.TrimSpace(name)) {
			return info, true
		}
	}
	return Info{}, false
}

// Signs are what an access record shows of the vendor that it belongs to.
type Signs struct {
	Name    string   // what the flag or the field Target says, "" if neither does
	Address string   // the field url
	Labels  []string // of the record's fields that hold a value, as they are spelled
}

// Choose returns the vendor for a run: the one named, if one is, else the one whose
// address it plainly is. inferred reports the latter. A vendor that is Generic is inferred
// only where nothing speaks for another one. The error is *params.Error and lists the vendors.
func (r Registry) Choose(signs Signs) (info Info, inferred bool, err error) {
	hint := "the targets are " + strings.Join(r.Names(), ", ")
	if signs.Name != "" {
		if info, ok := r.Find(signs.Name); ok {
			return info, false, r.contradiction(info, signs.Address)
		}
		return Info{}, false, UnknownTarget("the target that the flag or the field Target names is not known", signs.Name, r.Names(), nil)
	}
	if signs.Address == "" {
		return Info{}, false, &params.Error{
			Problems: []string{"the access record says neither by its field Target nor by its url which vendor it belongs to"},
			Hints:    []string{"put the vendor's address into url, or its name into a field Target", hint},
		}
	}
	parsed, err := api.ParseUserAddress(signs.Address)
	if err != nil {
		return Info{}, false, &params.Error{
			Problems: []string{fmt.Sprintf("url: an https address is needed, found %v", err)},
			Hints:    []string{"put the address of the vendor's API into the access record's field url, as the vendor's page shows it"},
		}
	}
	for _, info := range r {
		if !info.Generic && info.Matches != nil && info.Matches(parsed) {
			return info, true, nil
		}
	}
	likely, why := r.likely(parsed, signs.Labels)
	for _, info := range r {
		if !info.Generic || info.Matches == nil || !info.Matches(parsed) {
			continue
		}
		strangers := info.strangers(signs.Labels)
		page := mayBePage(parsed)
		if likely == "" && len(strangers) == 0 && !page {
			return info, true, nil
		}
		failure := &params.Error{Hints: []string{"if the address is that of an API of another kind, put " + info.Name + " into a field Target on the access record"}}
		if likely == "" && len(strangers) == 0 {
			failure.Problems = []string{"the access record's url is that of a page for people, such as a sign-in or a console, and no field Target says which API stands there"}
			failure.Hints = append([]string{"put the address of the vendor's API into url, as its documentation shows it"}, failure.Hints...)
		} else if likely != "" {
			failure.Problems = []string{fmt.Sprintf("the access record's %s that it belongs to %s, and no field Target says so", why, likely)}
			failure.Hints = append([]string{"if it does, put " + likely + " into a field Target on the access record"}, failure.Hints...)
		} else {
			failure.Problems = []string{fmt.Sprintf("the access record has no field Target, and is not taken for %s, which does not know all of its fields: %s", info.Name, params.ShownList(strangers))}
		}
		failure.Hints = append(failure.Hints, hint)
		return Info{}, false, failure
	}
	failure := &params.Error{
		Problems: []string{"the access record's url does not show which vendor it belongs to"},
		Hints:    []string{"put the vendor's name into a field Target on the access record", hint},
	}
	if likely != "" {
		failure.Hints[0] += ": its " + why + " that this is " + likely
	}
	return Info{}, false, failure
}

// UnknownTarget is the error of a target's name that is none of the vendors' nor of the recipes'.
// The name itself is not quoted: it may be anything.
func UnknownTarget(problem, given string, vendors, recipes []string) *params.Error {
	hints := []string{"the targets are " + strings.Join(vendors, ", ")}
	if len(recipes) > 0 {
		hints = append(hints, "the recipes are "+strings.Join(recipes, ", "))
	}
	if meant := params.Meant(given, slices.Concat(vendors, recipes)); meant != "" {
		hints = append([]string{"did you mean " + meant + "?"}, hints...)
	}
	return &params.Error{Problems: []string{problem}, Hints: hints}
}

// contradiction refuses a vendor that was named for an address that is plainly another's.
// A Generic one may be anywhere.
func (r Registry) contradiction(named Info, address string) error {
	parsed, err := api.ParseUserAddress(address)
	if err != nil || named.Generic || named.Matches == nil || named.Matches(parsed) {
		return nil // what is wrong with the address, the vendor itself says
	}
	for _, info := range r {
		if !info.Generic && info.Name != named.Name && info.Matches != nil && info.Matches(parsed) {
			return &params.Error{
				Problems: []string{fmt.Sprintf("the target is %s, and the access record's url is that of %s", named.Name, info.Name)},
				Hints:    []string{"correct the field Target, or the flag --target, or the url: a credential must not go to another product"},
			}
		}
	}
	return nil
}

// likely returns the vendor that an address or the labels of a record speak for, "" if
// none, and what speaks.
func (r Registry) likely(address api.Address, labels []string) (name, why string) {
	for _, info := range r {
		if !info.Generic && info.Resembles != nil && info.Resembles(address) {
			return info.Name, "url shows"
		}
	}
	if recipe := productOf(address); recipe != "" {
		return recipe, "url shows"
	}
	common := CommonFields(Info{})
	for _, info := range r {
		if info.Generic {
			common = append(common, info.Fields...)
		}
	}
	isCommon := params.HasLabel(common)
	telling := slices.DeleteFunc(slices.Clone(labels), isCommon)
	most := 0
	for _, info := range r {
		if info.Generic || len(telling) == 0 {
			continue
		}
		isOwn, count := params.HasLabel(info.Fields), 0
		for _, label := range telling {
			if isOwn(label) {
				count++
			}
		}
		if count > most {
			name, why, most = info.Name, "fields show", count
		}
	}
	return name, why
}

// strangers returns the labels that the vendor does not know.
func (i Info) strangers(labels []string) []string {
	return slices.DeleteFunc(slices.Clone(labels), params.HasLabel(slices.Concat(i.Fields, CommonFields(i), params.KeeperFields)))
}

// HasHostWord reports whether one of the words stands in an address's host, between dots and
// hyphens.
func HasHostWord(address api.Address, words ...string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(address.Hostname(), func(r rune) bool { return r == '.' || r == '-' }), func(part string) bool {
		return slices.Contains(words, part)
	})
}

// HasSegment reports whether one of the segments stands anywhere in an address's path, in
// any case.
func HasSegment(address api.Address, segments ...string) bool {
	return slices.ContainsFunc(strings.Split(strings.ToLower(address.Path()), "/"), func(part string) bool {
		return slices.Contains(segments, part)
	})
}

// HasPathPrefix reports whether an address's path is one of the prefixes or lies
// below it, whole segments compared in any case.
func HasPathPrefix(address api.Address, prefixes ...string) bool {
	path := strings.ToLower(address.Path())
	for _, prefix := range prefixes {
		if path == prefix || strings.HasPrefix(path, prefix+"/") {
			return true
		}
	}
	return false
}

// PublicLabels returns the labels of all fields whose values may be printed, for
// params.Options: a label that one vendor calls secret is not among them.
func (r Registry) PublicLabels() params.LabelSet {
	fields := CommonFields(Info{}) // which differ in their defaults alone
	for _, info := range r {
		fields = append(fields, info.Fields...)
	}
	return params.PublicLabels(fields...)
}
