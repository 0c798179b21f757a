// Package fleet does for many PAM User records of a vault what a run does for one: it verifies
// which password is in force, checks whether a rotation could go ahead, and sets accounts that
// drifted to the password that the vault holds.
//
// Open finds the accounts and prepares a run for each, without a call to any vendor. Verify, Check
// and Reconcile carry the runs out: those of one host one after the other, hosts side by side. A
// host is left alone after three failures in a row, and an access record after its login was
// refused once: hundreds of wrong sign-ins from one address lock things. What came of each account
// is a Line, and Report puts them together.
package fleet

import (
	"context"
	"slices"
	"strings"
	"sync"

	"pam-rotate-script/internal/api"
	"pam-rotate-script/internal/description"
	"pam-rotate-script/internal/params"
	"pam-rotate-script/internal/rotation"
	"pam-rotate-script/internal/secret"
	"pam-rotate-script/internal/vault"
)

const (
	// sideBySide is how many hosts are called at once.
	sideBySide = 8
	// inARow is how many failures in a row end the work at a host.
	inARow = 3
)

// Options say how the accounts are found and run. All but Progress and Confirm are needed.
type Options struct {
	Vault *vault.Vault
	// Script and AccessRecord are as for the verb payload; "" is what the records say.
	Script, AccessRecord string
	// Prepare makes a run of a payload, as the program does for a single one, with its options
	// altered.
	Prepare func(payload *params.Params, alter func(*rotation.Options)) (*rotation.Plan, *rotation.Result)
	// Progress is told how many accounts are done; nil tells nobody. It may be called from
	// several goroutines, one at a time.
	Progress func(done, all, bad int)
	// Confirm is asked before the first account is set; nil is yes.
	Confirm func(drifted int) bool
}

// State is what came of an account.
type State string

// The states.
const (
	InForce  State = "in-force"  // the vault's password is in force
	Drifted  State = "drifted"   // it is certainly not
	Set      State = "set"       // it was not, and a run has set it
	NotSet   State = "not-set"   // it is not, and a run has certainly not set it
	Ready    State = "ready"     // a rotation could go ahead
	NotReady State = "not-ready" // it could not
	Unknown  State = "unknown"   // it cannot be told
	NotTried State = "not-tried" // nothing was sent for it
)

// Line is what came of one account. It holds no secret.
type Line struct {
	UID          string    `json:"uid"`
	Title        string    `json:"title"`
	User         string    `json:"user"`
	Target       string    `json:"target"`
	Host         string    `json:"host"`
	State        State     `json:"state"`
	Class        api.Class `json:"class"`
	Message      string    `json:"message"`
	Hints        []string  `json:"hints"`
	Warnings     []string  `json:"warnings"`
	Pending      []string  `json:"pending"` // the UIDs of pending records
	FailedLogins int       `json:"failed_logins"`
	DurationMS   int64     `json:"duration_ms"`
	RunID        string    `json:"run_id"`
}

// Fleet is a number of accounts, ready to be looked at.
type Fleet struct {
	options Options
	all     []*account
	// Others is how many PAM User records of the vault have no script of this program's, if all
	// were asked for.
	Others int

	mutex     sync.Mutex
	done, bad int
	shown     map[string]*rotation.Shown // by host and access record
	refused   map[string]string          // by access record, why its login was refused
}

// account is one PAM User record.
type account struct {
	Line
	payload  description.Payload
	password secret.Value // the vault's
	pending  []vault.Pending
	access   string // the UID of its access record
	plan     *rotation.Plan
	// bad says that the last run failed in a way that a few more of would do harm.
	bad bool
	// pendingInForce says that the pending password is in force.
	pendingInForce bool
}

// Open finds the accounts of these PAM User records, or of all that the vault has if uids is
// empty, and prepares a run for each. An account that cannot be prepared has its fault as its
// Line. The error is one of the vault's that concerns all of them.
func Open(ctx context.Context, uids []string, options Options) (*Fleet, error) {
	f := &Fleet{options: options, shown: map[string]*rotation.Shown{}, refused: map[string]string{}}
	if len(uids) == 0 {
		var err error
		if uids, f.Others, err = options.Vault.Users(ctx, options.Script); err != nil {
			return nil, vault.Failure("find the accounts", err)
		}
	}
	for _, uid := range uids {
		if slices.ContainsFunc(f.all, func(a *account) bool { return a.UID == uid }) {
			continue
		}
		a, err := f.open(ctx, uid)
		if err != nil {
			return nil, err
		}
		f.all = append(f.all, a)
	}
	return f, nil
}

// open reads what belongs to one record. The error is one that any other would meet, too.
func (f *Fleet) open(ctx context.Context, uid string) (*account, error) {
	a := &account{}
	a.UID, a.State, a.Hints, a.Warnings, a.Pending = uid, NotTried, []string{}, []string{}, []string{}
	found, err := Payload(ctx, f.options.Vault, uid, f.options.Script, f.options.AccessRecord)
	switch fault := vault.AsError(err); {
	case fault != nil && fault.Kind != vault.KindNotFound && fault.Kind != vault.KindAmbiguous:
		return nil, vault.Failure("read the record "+uid, err)
	case err != nil:
		a.fail(rotation.Failure(vault.Failure("read the record", err)))
		return a, nil
	}
	a.Title, a.User, a.Warnings = found.Title, found.User, append(a.Warnings, found.Warnings...)
	a.payload, a.password = found.Payload, found.OldPassword
	if a.password.IsEmpty() {
		a.fail(rotation.Failure(&params.Error{Problems: []string{"the PAM User record holds no password"}}))
		return a, nil
	}
	if !f.prepare(a, "", secret.Value{}) {
		return a, nil
	}
	folder := a.plan.PendingFolder()
	if folder == "" {
		return a, nil
	}
	pending, err := f.options.Vault.PendingOf(ctx, folder, uid)
	if err != nil {
		return nil, vault.Failure("look for pending passwords", err)
	}
	for _, one := range pending {
		a.Pending = append(a.Pending, one.UID)
		if !one.Password.Equal(a.password) {
			a.pending = append(a.pending, one)
		}
	}
	return a, nil
}

// prepare makes a run that sets, or tries, the vault's password, and knows another one. It is
// false if there can be none.
func (f *Fleet) prepare(a *account, oldName string, old secret.Value) bool {
	payload := a.payload
	payload.NewPassword, payload.OldPassword = a.password, old
	read, err := payload.Params()
	if err != nil {
		a.fail(rotation.Failure(err))
		return false
	}
	plan, failed := f.options.Prepare(read, func(options *rotation.Options) {
		options.NewName, options.OldName = "the vault's password", oldName
		options.KeepsNone = true // the vault's password is in the vault
	})
	if failed != nil {
		a.fail(*failed)
		return false
	}
	a.plan = plan
	a.Target, a.Host, a.access = plan.Info.Name, plan.Host(), plan.AccessRecord()
	return true
}

// preparePending prepares a run that knows the pending password, if there is one.
func (f *Fleet) preparePending(a *account) bool {
	if len(a.pending) == 0 {
		return f.prepare(a, "", secret.Value{})
	}
	one := a.pending[0]
	return f.prepare(a, "the pending password of the record "+one.UID, one.Password)
}

func (a *account) fail(result rotation.Result) {
	a.plan = nil
	a.take(result)
}

// take puts the end of a run into the account's line.
func (a *account) take(result rotation.Result) {
	if result.Target != "" {
		a.Target = result.Target
	}
	a.Class, a.Message, a.RunID = result.Class, result.Message, result.RunID
	a.Hints = append([]string{}, result.Hints...)
	for _, warning := range result.Warnings {
		if !slices.Contains(a.Warnings, warning) {
			a.Warnings = append(a.Warnings, warning)
		}
	}
	a.FailedLogins += result.FailedLogins
	a.DurationMS += result.DurationMS
}

// Lines returns what came of the accounts, in the order in which they were asked for.
func (f *Fleet) Lines() []Line {
	lines := make([]Line, len(f.all))
	for i, a := range f.all {
		lines[i] = a.Line
	}
	return lines
}

// each does the step for the accounts, in sequence per host.
func (f *Fleet) each(ctx context.Context, accounts []*account, step func(context.Context, *account)) {
	f.done, f.bad = 0, 0
	byHost := map[string][]*account{}
	var hosts []string
	for _, a := range accounts {
		if a.plan == nil {
			f.tell(len(accounts), false)
			continue
		}
		if byHost[a.Host] == nil {
			hosts = append(hosts, a.Host)
		}
		byHost[a.Host] = append(byHost[a.Host], a)
	}
	slots := make(chan struct{}, sideBySide)
	var group sync.WaitGroup
	for _, host := range hosts {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			f.inTurn(ctx, host, byHost[host], step, func(a *account) {
				f.tell(len(accounts), a.State != InForce && a.State != Ready && a.State != Set)
			})
		})
	}
	group.Wait()
}

// inTurn does the step for the accounts of one host, one after the other, and tells of each. It
// leaves alone those that would only do harm.
func (f *Fleet) inTurn(ctx context.Context, host string, accounts []*account, step func(context.Context, *account), tell func(*account)) {
	row := 0 // how many have failed since one went well
	for _, a := range accounts {
		switch why := f.refusal(a); {
		case ctx.Err() != nil:
			a.leave("told to stop before this account's turn")
		case row >= inARow:
			a.leave("three accounts in a row failed at " + host + ": nothing more is sent to it, since many wrong sign-ins lock things")
		case why != "":
			a.leave("the access record's login was refused for another account: " + why)
		default:
			a.bad = false
			step(ctx, a)
			if row++; !a.bad {
				row = 0
			}
		}
		tell(a)
	}
}

// leave leaves the account alone.
func (a *account) leave(why string) {
	if a.State != Drifted {
		a.State = NotTried
	}
	a.Class, a.Message, a.Hints = "", why, []string{}
}

// refusal says why the login of the account's access record was refused, "" if it was not.
func (f *Fleet) refusal(a *account) string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.refused[a.access]
}

// tell counts an account that is done.
func (f *Fleet) tell(all int, bad bool) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.done++; bad {
		f.bad++
	}
	if f.options.Progress != nil {
		f.options.Progress(f.done, all, f.bad)
	}
}

// shownFor returns what the means of proof of the account's access record have shown. Accounts that
// share it come one after the other.
func (f *Fleet) shownFor(a *account) *rotation.Shown {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	key := a.Host + " " + a.access
	if f.shown[key] == nil {
		f.shown[key] = &rotation.Shown{}
	}
	return f.shown[key]
}

// note keeps that the login of an access record was refused, so that it is not sent again.
func (f *Fleet) note(a *account, result rotation.Result) {
	if result.Class != api.ClassCredential || result.FailedAccess == 0 {
		return
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.refused[a.access] = strings.TrimPrefix(result.Message, result.Target+": ")
}
