// Package recipes holds the recipes that come with the program, one file each, so that
// they are part of the binary. docs/recipes.md says what a recipe is. The header of each says
// which documents of the vendor it follows, and whether it was tried against the real product.
package recipes

import "embed"

// Files has the recipes under their file names: rabbitmq.yaml and so on.
//
//go:embed *.yaml
var Files embed.FS
