package recipetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"sort"
	"strings"
	"sync"

	"pam-rotate-script/internal/recipe"
)

// serverURL is where the player pretends to be. No request leaves the program.
const serverURL = "https://127.0.0.1:8443"

// fault is what goes wrong with an exchange.
type fault string

const (
	lost        fault = "its answer is lost"
	serverError fault = "it is answered 500"
	loginPage   fault = "it is answered with a web page and 200"
	emptyObject fault = "it is answered with an empty object and 200"
)

// arrival is a request as it came.
type arrival struct {
	place  int // of the exchange that answered it, -1 for none
	values map[string]string
}

// player answers with recorded exchanges, in the place of the network. In order it takes
// them strictly one after the other and compares bodies and headers; otherwise it looks for
// one of the same method and path, and only for that.
type player struct {
	script  []recipe.Exchange
	ordered bool
	broken  int // the place of the exchange that the fault meets, -1 for none
	fault   fault

	mutex    sync.Mutex
	played   []int // how often each exchange was played
	arrivals []arrival
	problems []string
}

// answer returns the bytes of the answer, nil if it is lost.
func (p *player) answer(request *http.Request, body []byte) []byte {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.played == nil {
		p.played = make([]int, len(p.script))
	}
	place := p.find(request)
	p.arrivals = append(p.arrivals, arrival{place, values(request, body)})
	if place < 0 {
		p.problems = append(p.problems, fmt.Sprintf("a call came that is not the next recorded one: %s %s", request.Method, request.RequestURI))
		return encode(599, nil, []byte("{}"))
	}
	exchange := p.script[place]
	p.played[place]++
	if p.ordered {
		p.compare(exchange, request, body)
	}
	if place == p.broken {
		switch p.fault {
		case lost:
			return nil
		case serverError:
			return encode(500, map[string]string{"Content-Type": "application/json"}, []byte(`{"error":"internal server error"}`))
		case loginPage:
			return encode(200, map[string]string{"Content-Type": "text/html"}, []byte("<!DOCTYPE html><html><title>Sign in</title></html>"))
		case emptyObject:
			return encode(200, map[string]string{"Content-Type": "application/json"}, []byte("{}"))
		}
	}
	if exchange.Lost {
		return nil
	}
	header := map[string]string{}
	var content []byte
	switch answer := exchange.Answer.(type) {
	case nil:
	case string:
		header["Content-Type"] = "text/plain"
		content = []byte(answer)
	default:
		header["Content-Type"] = "application/json"
		content, _ = json.Marshal(answer) // it was read from a recipe
	}
	for name, value := range exchange.AnswerHeader {
		header[name] = strings.ReplaceAll(value, "{server}", serverURL)
	}
	return encode(exchange.Status, header, content)
}

func encode(status int, header map[string]string, body []byte) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(&out, "%s: %s\r\n", name, header[name])
	}
	if status != http.StatusNoContent {
		fmt.Fprintf(&out, "Content-Length: %d\r\n", len(body))
	} else {
		body = nil
	}
	out.WriteString("\r\n")
	out.Write(body)
	return out.Bytes()
}

// find returns the place of the exchange that answers a request.
func (p *player) find(request *http.Request) int {
	matches := func(i int) bool {
		return p.script[i].Method == request.Method && p.script[i].Path == request.RequestURI
	}
	last := -1
	for i := range p.script {
		if p.ordered {
			if p.played[i] > 0 && !(p.script[i].Repeated && matches(i)) {
				continue
			}
			if matches(i) {
				return i
			}
			return -1
		}
		if matches(i) {
			if last = i; p.played[i] == 0 {
				return i
			}
		}
	}
	return last
}

// compare notes where a request is not what was recorded. It shows no values.
func (p *player) compare(exchange recipe.Exchange, request *http.Request, body []byte) {
	problem := func(what string) {
		p.problems = append(p.problems, fmt.Sprintf("%s %s: %s", exchange.Method, exchange.Path, what))
	}
	for name, want := range exchange.Header {
		if request.Header.Get(name) != want {
			problem("the header " + name + " is another than the recorded one")
		}
	}
	if exchange.Body == nil {
		return
	}
	if strings.HasPrefix(request.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, err := url.ParseQuery(string(body))
		sent := map[string]any{}
		for name, values := range form {
			if len(values) == 1 {
				sent[name] = values[0]
			}
		}
		if err != nil || len(sent) != len(form) || !reflect.DeepEqual(sent, exchange.Body) {
			problem("the form is another than the recorded one")
		}
		return
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var sent any
	if decoder.Decode(&sent) != nil || !reflect.DeepEqual(sent, exchange.Body) {
		problem("the body is another than the recorded one")
	}
}

// unplayed returns the recorded exchanges that never came.
func (p *player) unplayed() []string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	var missing []string
	for i := range p.script {
		if p.played == nil || p.played[i] == 0 {
			missing = append(missing, p.script[i].Method+" "+p.script[i].Path)
		}
	}
	return missing
}

// values takes a request apart into single values by where they stand.
func values(request *http.Request, body []byte) map[string]string {
	found := map[string]string{}
	path, query, _ := strings.Cut(request.RequestURI, "?")
	for i, segment := range strings.Split(path, "/") {
		if text, err := url.PathUnescape(segment); err == nil {
			found[fmt.Sprintf("segment %d of the path", i)] = text
		}
	}
	flatten := func(what string, values url.Values) {
		for name, list := range values {
			for i, value := range list {
				found[fmt.Sprintf("%s %q %d", what, name, i)] = value
			}
		}
	}
	if parsed, err := url.ParseQuery(query); err == nil {
		flatten("query", parsed)
	}
	for name, list := range request.Header {
		for i, value := range list {
			found[fmt.Sprintf("header %q %d", name, i)] = value
		}
	}
	if user, password, ok := request.BasicAuth(); ok {
		found["user of Basic"], found["password of Basic"] = user, password
	}
	if strings.HasPrefix(request.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		if form, err := url.ParseQuery(string(body)); err == nil {
			flatten("form", form)
		}
		return found
	}
	var value any
	if json.Unmarshal(body, &value) == nil {
		eachLeaf("body", value, found)
	}
	return found
}

func eachLeaf(place string, value any, found map[string]string) {
	switch value := value.(type) {
	case string:
		found[place] = value
	case []any:
		for i, element := range value {
			eachLeaf(fmt.Sprintf("%s[%d]", place, i), element, found)
		}
	case map[string]any:
		for name, element := range value {
			eachLeaf(fmt.Sprintf("%s.%s", place, name), element, found)
		}
	}
}
