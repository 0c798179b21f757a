package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strings"
	"time"
)

// The records that come with every payload, and a value in one of them that is no
// concern of the rotation.
const (
	providerUID   = "ProviderRecordUid_0001"
	userUID       = "PamUserRecordUid_00001"
	accessUID     = "AccessRecordUid_000001"
	providerValue = "Provider-Key/0001+invented"
)

// payload returns what the Gateway pipes into a script: base64 of a JSON object
// that holds the records as base64 of a JSON array.
func payload(user, oldPassword, newPassword string, access map[string]any) (string, error) {
	accessRecord := map[string]any{"uid": accessUID, "title": "API Access Details"}
	maps.Copy(accessRecord, access)
	records, err := json.Marshal([]any{
		map[string]any{"uid": providerUID, "title": "PAM Configuration", "accessSecretKey": providerValue},
		accessRecord,
		map[string]any{"uid": userUID, "title": "PAM User", "login": user, "password": oldPassword, "NOOP": "True"},
	})
	if err != nil {
		return "", fmt.Errorf("encode the records: %w", err)
	}
	outer, err := json.Marshal(map[string]any{
		"providerRecordUid": providerUID, "resourceRecordUid": nil, "userRecordUid": userUID,
		"user": user, "oldPassword": oldPassword, "newPassword": newPassword,
		"records": base64.StdEncoding.EncodeToString(records),
	})
	if err != nil {
		return "", fmt.Errorf("encode the payload: %w", err)
	}
	return base64.StdEncoding.EncodeToString(outer), nil
}

// gatewayLine is the line that the Gateway has bash carry out.
func gatewayLine(payload, binary string) string {
	return "history -c && echo " + payload + " | " + quoted(binary)
}

// quoted returns a text so that bash takes it for one word.
func quoted(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+=,@", r)
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// ended is what a run of the program left.
type ended struct {
	// exit is the exit code; below 0 if there is none.
	exit           int
	stdout, stderr string
	// failure says why there is no exit code.
	failure string
}

// runLikeGateway runs the program under bash, with nothing of this process's
// environment but the path, and ends it with all that it started once limit is over.
func runLikeGateway(ctx context.Context, binary, payload string, limit time.Duration) ended {
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(timed, "bash", "-c", gatewayLine(payload, binary))
	command.Env = []string{"PATH=" + os.Getenv("PATH")}
	command.Stdout, command.Stderr = &stdout, &stderr
	endTogether(command)
	// Should something have got away with the pipes, it is not waited for.
	command.WaitDelay = time.Second
	err := command.Run()
	result := ended{exit: -1, stdout: stdout.String(), stderr: stderr.String()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		result.failure = "interrupted"
	case timed.Err() != nil:
		result.failure = fmt.Sprintf("killed after %v", limit)
	case err == nil:
		result.exit = 0
	case errors.As(err, &exit) && exit.Exited():
		result.exit = exit.ExitCode()
	default:
		result.failure = err.Error()
	}
	return result
}
