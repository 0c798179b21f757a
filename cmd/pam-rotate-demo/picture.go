package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// What the picture's lines are made of, in pixels, and how many characters fit.
const (
	characterWidth = 7.5
	lineHeight     = 19
	margin         = 18
	titleHeight    = 34
	columns        = 116
)

// pictured are the runs that the picture shows: a change, a refusal, and one whose end
// nobody can know.
var pictured = []string{"1.1", "1.2", "2.3"}

// colours of the labels.
var colours = map[string]string{
	"ok": "#7ee787", "WRONG": "#ff7b72", "program": "#ffffff", "warning": "#e3b341", "hint": "#79c0ff",
}

const (
	plainColour   = "#c9d1d9"
	faintColour   = "#8b949e"
	headingColour = "#ffffff"
)

var (
	vendorHeading   = regexp.MustCompile(`^\d+\. `)
	scenarioHeading = regexp.MustCompile(`^   (\d+\.\d+) `)
	labelled        = regexp.MustCompile(`^       (ok|WRONG|program|warning|hint) +(.*)$`)
	milliseconds    = regexp.MustCompile(`\bin \d+ ms\b`)
	seconds         = regexp.MustCompile(`\bin \d+ seconds\b`)
)

// picture returns a part of the demonstration's output as an SVG of a terminal. How long
// things took is left out, so that it is the same from run to run.
func picture(output string) string {
	var drawn bytes.Buffer
	row := 0
	text := func(column int, colour, weight, words string) {
		if words == "" {
			return
		}
		// The length is given, since every machine has another font of fixed width.
		fmt.Fprintf(&drawn, `<text x="%.1f" y="%d" fill="%s" font-weight="%s" textLength="%.1f" lengthAdjust="spacingAndGlyphs">`,
			margin+float64(column)*characterWidth, titleHeight+margin+row*lineHeight, colour, weight, float64(utf8.RuneCountInString(words))*characterWidth)
		_ = xml.EscapeText(&drawn, []byte(words)) // a buffer takes everything
		drawn.WriteString("</text>\n")
	}
	line := func(column int, colour, weight, words string) {
		for _, part := range wrapped(words, columns-column) {
			text(column, colour, weight, part)
			row++
		}
	}
	line(0, headingColour, "bold", "$ make demo")
	for _, shown := range excerpt(output) {
		switch match := labelled.FindStringSubmatch(shown); {
		case match != nil:
			text(3, colours[match[1]], "bold", match[1])
			colour := plainColour
			if match[1] == "program" {
				colour = headingColour
			}
			line(12, colour, "normal", match[2])
		case strings.Contains(shown, "claims checked"):
			line(0, colours["ok"], "bold", shown)
		case vendorHeading.MatchString(shown), scenarioHeading.MatchString(shown):
			line(0, headingColour, "bold", strings.TrimSpace(shown))
		case shown == "":
			row++
		default:
			line(3, faintColour, "normal", strings.TrimSpace(shown))
		}
	}
	width, height := margin*2+int(columns*characterWidth), titleHeight+margin+row*lineHeight
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="A part of what make demo prints">`+"\n", width, height, width, height)
	fmt.Fprintf(&svg, "<!-- Made by make picture from the demonstration's output. -->\n")
	fmt.Fprintf(&svg, `<rect width="%d" height="%d" rx="8" fill="#0d1117"/>`+"\n", width, height)
	for i, colour := range []string{"#ff5f56", "#ffbd2e", "#27c93f"} {
		fmt.Fprintf(&svg, `<circle cx="%d" cy="17" r="6" fill="%s"/>`+"\n", margin+6+20*i, colour)
	}
	svg.WriteString(`<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="12.5">` + "\n")
	svg.Write(drawn.Bytes())
	svg.WriteString("</g>\n</svg>\n")
	return svg.String()
}

// excerpt returns the lines of the output that the picture shows, … in the place of others.
func excerpt(output string) []string {
	var lines []string
	heading, showing, quiet := "", false, false
	all := strings.Split(strings.TrimRight(output, "\n"), "\n")
	for i, line := range all {
		line = seconds.ReplaceAllString(milliseconds.ReplaceAllString(line, "in … ms"), "in … seconds")
		scenario := scenarioHeading.FindStringSubmatch(line)
		switch {
		case i == len(all)-1:
			lines = append(lines, "", "…", "", line)
		case vendorHeading.MatchString(line):
			heading, showing = line, false
		case scenario != nil:
			showing, quiet = slices.Contains(pictured, scenario[1]), false
			if showing && heading != "" {
				if len(lines) > 0 {
					lines = append(lines, "", "…")
				}
				lines = append(lines, "", heading)
				heading = ""
			}
			if showing {
				lines = append(lines, "", line)
			}
		case strings.TrimSpace(line) == "standard error:":
			quiet = true // of a verbose run
		case showing && !quiet && strings.TrimSpace(line) != "":
			lines = append(lines, line)
		}
	}
	return lines
}

// wrapped breaks a text at blanks so that no line is longer than it may be.
func wrapped(words string, most int) []string {
	var lines []string
	current := ""
	for _, word := range strings.Split(words, " ") {
		if current != "" && utf8.RuneCountInString(current)+1+utf8.RuneCountInString(word) > most {
			lines, current = append(lines, current), ""
		}
		if current != "" {
			current += " "
		}
		current += word
	}
	return append(lines, current)
}
