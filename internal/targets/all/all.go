// Package all lists the vendors of the program. A new vendor is one line here.
package all

import (
	"slices"
	"sync"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/targets"
	"pam-rotate-script/internal/targets/rest"
	"pam-rotate-script/internal/targets/sailpoint"
	"pam-rotate-script/internal/targets/sps"
	"pam-rotate-script/internal/targets/teramind"
	"pam-rotate-script/internal/targets/venafi"
)

// Registry returns every vendor, in the order of the documentation. The generic
// target is last, since any address with a path would match it.
func Registry() targets.Registry { return slices.Clone(registry()) }

// PublicLabels are those of the Registry. They are made once, and not to be changed.
var PublicLabels = sync.OnceValue(func() params.LabelSet { return registry().PublicLabels() })

// registry is asked for several times in a run, and made once.
var registry = sync.OnceValue(func() targets.Registry {
	return targets.NewRegistry(
		teramind.Info(),
		venafi.Info(),
		sailpoint.Info(),
		sps.Info(),
		rest.Info(),
	)
})
