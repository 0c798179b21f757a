package simulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
)

// echo returns an error that repeats everything secret in the request, the way a
// careless vendor, proxy or debug mode does: in the body as message, error and
// errors (and in the vendor's own shape if it has one), in header fields, and in
// the status line.
func (s *Server) echo(status int, r *Request) Answer {
	found := echoes(r)
	text := strings.Join(found, " ")
	answer := JSON(status, errorBody{
		Message: "cannot process " + text,
		Error:   string(r.Body) + " " + text,
		Errors:  append(found, recoded(text)...),
	})
	if _, own := s.vendor.(ErrorWriter); own {
		answer = merge(s.errorAnswer(status, "cannot process "+text), answer)
	}
	line := oneLine(text)
	answer.Reason = http.StatusText(status) + ": " + line
	answer.Header.Set("X-Request-Id", line)
	answer.Header.Set("X-Error-Message", line)
	if status == http.StatusUnauthorized {
		answer.Header.Set("Www-Authenticate", `Bearer error_description="`+strings.ReplaceAll(line, `"`, `'`)+`"`)
	}
	return answer
}

// recoded returns a text as a directory's filter, a shell, an old script and a log of logs
// write it.
func recoded(text string) []string {
	var filter, octal, script strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ' || c > '~' || strings.IndexByte(`\*()"`, c) >= 0:
			fmt.Fprintf(&filter, `\%02x`, c)
			fmt.Fprintf(&octal, `\%03o`, c)
		default:
			filter.WriteByte(c)
			octal.WriteByte(c)
		}
	}
	for _, unit := range utf16.Encode([]rune(text)) {
		fmt.Fprintf(&script, "%%u%04X", unit)
	}
	twice := base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(text))))
	return []string{html.EscapeString(text), filter.String(), octal.String(), script.String(), twice}
}

// redirect returns a redirect to the decoy that takes along what is secret in the request,
// as login portals do with the address that was asked for.
func (s *Server) redirect(status int, r *Request) Answer {
	text := strings.Join(echoes(r), " ")
	answer := page(status, http.StatusText(status), "<p>"+text+"</p>")
	answer.Header.Set("Location", s.decoy.URL()+r.RequestURI+"?echo="+url.QueryEscape(text))
	return answer
}

// signInPage returns a page that repeats what is secret in the request, raw and escaped, as
// a form does that is to be sent once more.
func signInPage(r *Request) Answer {
	text := strings.Join(echoes(r), " ")
	return page(http.StatusOK, "Sign in", `<form method="post"><input name="user"><input name="password" type="password">`+
		`<input type="hidden" value="`+html.EscapeString(text)+`"></form><!-- `+text+` -->`)
}

// merge adds to the vendor's own error the keys of the kit's error that it lacks,
// so that a client finds the echo wherever it looks. An error that is not a JSON
// object stays as it is.
func merge(own, general Answer) Answer {
	return RewriteJSON(own, func(object map[string]any) {
		var added map[string]any
		if json.Unmarshal(general.Body, &added) != nil {
			return
		}
		for key, value := range added {
			if _, taken := object[key]; !taken {
				object[key] = value
			}
		}
	})
}

// echoes lists the values of a request, the decoded values of the body first:
// clients cut a vendor's text, so what must not be shown comes early.
func echoes(r *Request) []string {
	var all []string
	add := func(values ...string) {
		for _, value := range values {
			if value != "" && !slices.Contains(all, value) {
				all = append(all, value)
			}
		}
	}
	add(bodyValues(r)...)
	names := make([]string, 0, len(r.Header))
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range r.Header[name] {
			add(value)
			_, credentials, _ := strings.Cut(value, " ")
			add(credentials)
			if decoded, err := base64.StdEncoding.DecodeString(credentials); err == nil {
				_, password, _ := strings.Cut(string(decoded), ":")
				add(string(decoded), password)
			}
		}
	}
	add(r.RequestURI)
	if decoded, err := url.PathUnescape(r.RequestURI); err == nil {
		add(decoded)
	}
	add(string(r.Body))
	return all
}

// bodyValues returns the strings of a JSON body and the fields of a form body.
func bodyValues(r *Request) []string {
	var found []string
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		// A form that is malformed in part is echoed as far as it can be read.
		form, _ := url.ParseQuery(string(r.Body))
		for _, values := range form {
			found = append(found, values...)
		}
		slices.Sort(found)
		return found
	}
	decoder := json.NewDecoder(bytes.NewReader(r.Body))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if err != nil {
			return found
		}
		switch value := token.(type) {
		case string:
			found = append(found, value)
		case json.Number:
			found = append(found, value.String())
		}
	}
}

// oneLine replaces what would end or break a line of an HTTP head.
func oneLine(text string) string {
	return strings.Map(func(character rune) rune {
		if character < ' ' || character == 0x7f {
			return ' '
		}
		return character
	}, text)
}
