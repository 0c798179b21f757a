package recipes_test

import (
	"net/http"
	"path/filepath"
)

// rabbitMQProduct is the broker of TestRabbitMQ once more, in clear behind nginx as the other
// products are, for the cases that all of them share.
var rabbitMQProduct = &product{
	recipe: "rabbitmq",
	missing: func() string {
		if rabbitMQ() == "" {
			return "rabbitmq-server"
		}
		return notInstalled("epmd")
	},
	prepare: func(s *site) {
		b := &broker{t: s.t, directory: s.directory, programs: rabbitMQ(), authority: s.authority, client: client, plain: true}
		s.t.Cleanup(func() { b.nothingIsLeft(s.t) })
		b.choosePorts(s.t)
		b.management = s.port
		b.configure(s.t)
		b.mapPorts("epmd")
		s.keep["broker"] = b
	},
	start: func(s *site) *process {
		b := brokerOf(s)
		b.server = b.spawn(filepath.Join(b.programs, "rabbitmq-server"))
		return b.server
	},
	ready: func(s *site) bool { return brokerAccepts(s, administrator, administratorPassword) },
	access: func(*site) map[string]any {
		return map[string]any{"login": administrator, "password": administratorPassword}
	},
	add:     func(s *site, user, password string) { brokerOf(s).add(s.t, user, password, "management") },
	accepts: brokerAccepts,
	isWrite: func(request *http.Request, _ []byte) bool { return isWrite(request) },
}

func brokerOf(s *site) *broker { return s.keep["broker"].(*broker) }

func brokerAccepts(s *site, user, password string) bool {
	status, _, err := brokerOf(s).try("GET", "/api/whoami", nil, user, password)
	return err == nil && status == 200
}
