package fleet

import (
	"context"
	"strings"

	"pam-rotate-script/internal/description"
	"pam-rotate-script/internal/vault"
)

// Found is the payload that the Gateway would send for a PAM User record, as far as the vault
// has it: the old password is the one that the vault holds, and there is no new one.
type Found struct {
	description.Payload
	Title string
	// Warnings say what is missing of it.
	Warnings []string
}

// Payload reads it from the vault. The records are in the order in which the Gateway's documents
// name them: configuration, resource, linked records, user. A named access record, by UID or
// title, takes the place of the linked ones. The error is a *vault.Error or a *params.Error.
func Payload(ctx context.Context, keeper *vault.Vault, uid, script, accessRecord string) (Found, error) {
	named := strings.TrimSpace(accessRecord) != ""
	related, err := keeper.Related(ctx, uid, script)
	if err != nil {
		return Found{}, err
	}
	found := Found{Title: related.User.Title}
	if related.User.Type != "pamUser" {
		found.Warnings = append(found.Warnings, "the record is not of the type PAM User: the Gateway would not rotate it")
	}
	if found.Payload, err = description.OfUser(related.User.UID, related.User.Content); err != nil {
		return Found{}, err
	}
	found.ProviderUID, found.ResourceUID = related.Configuration.UID, related.Resource.UID
	for _, record := range []vault.Record{related.Configuration, related.Resource} {
		if record.UID != "" {
			found.Records = append(found.Records, record.Content)
		}
	}
	if named {
		access, err := keeper.Record(ctx, accessRecord)
		if err != nil {
			return Found{}, err
		}
		found.Records = append(found.Records, access)
	} else {
		for _, record := range related.Linked {
			found.Records = append(found.Records, record.Content)
		}
		for _, missing := range related.Missing {
			found.Warnings = append(found.Warnings, "a linked record is not shared with the application and is left out: "+missing)
		}
		if len(related.Linked) == 0 {
			found.Warnings = append(found.Warnings, "no record is linked to the script; name the access record with --access-record")
		}
	}
	found.Records = append(found.Records, related.User.Content)
	return found, nil
}
