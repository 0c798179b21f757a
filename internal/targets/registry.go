package targets

import (
	"fmt"
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

// Choose returns the vendor for a run: the one named, if name is not "", else the
// one whose address it plainly is. The error is *params.Error and lists the
// vendors.
func (r Registry) Choose(name string, address string) (Info, error) {
	hint := "the targets are " + strings.Join(r.Names(), ", ")
	if name != "" {
		if info, ok := r.Find(name); ok {
			return info, nil
		}
		return Info{}, &params.Error{Problems: []string{"the target that the flag or the field Target names is not known"}, Hints: []string{hint}}
	}
	if address == "" {
		return Info{}, &params.Error{
			Problems: []string{"the access record says neither by its field Target nor by its url which vendor it belongs to"},
			Hints:    []string{"put the vendor's address into url, or its name into a field Target", hint},
		}
	}
	parsed, err := api.ParseUserAddress(address)
	if err != nil {
		return Info{}, &params.Error{
			Problems: []string{fmt.Sprintf("url: an https address is needed, found %v", err)},
			Hints:    []string{"put the address of the vendor's API into the access record's field url, as the vendor's page shows it"},
		}
	}
	for _, info := range r {
		if info.Matches != nil && info.Matches(parsed) {
			return info, nil
		}
	}
	return Info{}, &params.Error{
		Problems: []string{"the access record's url does not show which vendor it belongs to"},
		Hints:    []string{"put the vendor's name into a field Target on the access record", hint},
	}
}

// HasPathPrefix reports whether an address's path is one of the prefixes or lies
// below it, whole segments compared in any case.
func HasPathPrefix(address api.Address, prefixes ...string) bool {
	path := strings.ToLower(address.EscapedPath)
	for _, prefix := range prefixes {
		if path == prefix || strings.HasPrefix(path, prefix+"/") {
			return true
		}
	}
	return false
}

// PublicLabels returns the labels of all fields whose values may be printed, for
// params.Options: a label that one vendor calls secret is not among them.
func (r Registry) PublicLabels() []string {
	fields := CommonFields(Info{}) // which differ in their defaults alone
	for _, info := range r {
		fields = append(fields, info.Fields...)
	}
	return params.PublicLabels(fields...)
}
