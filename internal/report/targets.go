package report

import (
	"fmt"
	"slices"
	"strings"

	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/targets"
)

// Fields returns the lines of "targets NAME": what a vendor is and its fields.
func Fields(info targets.Info) []string {
	lines := []string{info.Name + ": " + info.Summary, "", "fields of the access record:"}
	for _, field := range slices.Concat(info.Fields, targets.CommonFields(info)) {
		lines = append(lines, fmt.Sprintf("  %-20s %s", field.Label, strings.Join(traits(field), ", ")),
			fmt.Sprintf("  %-20s %s", "", plainText(field.Help)))
	}
	return lines
}

// Page returns a vendor's documentation page in Markdown. Everything in it comes
// from the vendor's Info.
func Page(info targets.Info) string {
	var page strings.Builder
	fmt.Fprintf(&page, "# %s (`%s`)\n\n", info.Title, info.Name)
	fmt.Fprintf(&page, "<!-- Generated from the vendor's Info by `make docs`. Edit the Info instead. -->\n\n")
	fmt.Fprintf(&page, "Rotates %s.\n\n", info.Summary)
	if len(info.Setup) > 0 {
		page.WriteString("## Set-up\n\n")
		for i, step := range info.Setup {
			fmt.Fprintf(&page, "%d. %s\n", i+1, step)
		}
		page.WriteString("\n")
	}
	if info.Example != "" {
		fmt.Fprintf(&page, "## Example\n\nAll values are invented; the fields of `accessRecord` become those of the access record. The [guide](../guide.md) says what to do with it.\n\n"+
			"<!-- file: %[1]s.yaml -->\n```yaml\n%[2]s```\n\n```sh\npam-rotate-script check --exit-zero --from %[1]s.yaml\npam-rotate-script rotate --from %[1]s.yaml\n```\n\n", info.Name, info.Example)
	}
	if len(info.Notes) > 0 {
		page.WriteString("## What to know\n\n" + strings.Join(info.Notes, "\n\n") + "\n\n")
	}
	page.WriteString("## Fields of the access record\n\n| Field | | Meaning |\n| --- | --- | --- |\n")
	perAccount := ""
	for _, field := range info.Fields {
		if field.PerAccount {
			perAccount = " A field marked *per account* may also stand on the PAM User record, where it wins."
		}
		fmt.Fprintf(&page, "| `%s` | %s | %s |\n", field.Label, escapeCell(strings.Join(traits(field), ", ")), escapeCell(field.Help))
	}
	fmt.Fprintf(&page, "\nBesides these, the [fields that every target knows](../reference.md#fields).%s", perAccount)
	if info.Timeout > 0 {
		fmt.Fprintf(&page, " `Timeout` is %d seconds here unless it is set.", int(info.Timeout.Seconds()))
	}
	page.WriteString("\n\n")
	if len(info.Documents) > 0 {
		page.WriteString("## Vendor documents\n\n")
		for _, document := range info.Documents {
			fmt.Fprintf(&page, "- <%s>\n", document)
		}
	}
	return page.String()
}

// traits lists in words what a field's metadata say.
func traits(field params.Field) []string {
	words := []string{field.Kind.String()}
	if len(field.Choices) > 0 {
		words = []string{strings.Join(field.Choices, " | ")}
	}
	if field.Required {
		words = append(words, "required")
	}
	if field.Secret {
		words = append(words, "never printed")
	}
	if field.PerAccount {
		words = append(words, "per account")
	}
	if field.Default != "" {
		words = append(words, "default "+field.Default)
	}
	if len(field.Aliases) > 0 {
		words = append(words, "also read as "+strings.Join(field.Aliases, ", "))
	}
	return words
}

func escapeCell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// plainText takes Markdown's marks off a text.
func plainText(text string) string { return strings.NewReplacer("`", "", "**", "").Replace(text) }
