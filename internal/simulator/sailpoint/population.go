package sailpoint

import (
	"fmt"
	"slices"
	"strings"
)

// The clients of every tenant. All have the secret [ClientSecret].
const (
	// ClientID is an API Management client with the three scopes needed.
	ClientID = "6f3c1b1e-0f5d-4f5e-9a51-2f3f0c8d7a10"
	// AllScopesClientID is one with the scope sp:scopes:all.
	AllScopesClientID = "6f3c1b1e-0f5d-4f5e-9a51-2f3f0c8d7a11"
	// PowerlessClientID is one that gets tokens and is refused everything.
	PowerlessClientID = "6f3c1b1e-0f5d-4f5e-9a51-2f3f0c8d7a12"
	// LookUpClientID is one that may look up, and is refused to set a password.
	LookUpClientID = "6f3c1b1e-0f5d-4f5e-9a51-2f3f0c8d7a13"
	// BlindClientID is one that may look up and set a password, and is refused
	// the status of the change.
	BlindClientID = "6f3c1b1e-0f5d-4f5e-9a51-2f3f0c8d7a14"
	// OwnTokenID is a personal access token of [UserName], who is ORG_ADMIN here.
	OwnTokenID = "8a807d4c73c545510173c545f0a00301"
	// PlainTokenID is a personal access token of [UserName] without that user
	// level.
	PlainTokenID = "8a807d4c73c545510173c545f0a00302"
	// AdminTokenID is a personal access token of Ada.Admin, who is ORG_ADMIN.
	AdminTokenID = "8a807d4c73c545510173c545f0a00303"

	// ClientSecret needs escaping in a form.
	ClientSecret = "Sp-client+secret/&=%é;0001"
)

// The user that most tests rotate, and where.
const (
	UserName   = "Abby.Smith"
	SourceName = "My-AD"
	// AccountID is the account ID of UserName at SourceName.
	AccountID = "CN=Abby Smith,OU=Austin,OU=Americas,OU=Demo,DC=seri,DC=acme,DC=com"
)

// FirstPassword is the password of every account of a new tenant.
const FirstPassword = "First-Pass!word-1"

// The scopes that the calls ask for, and one that includes them.
const (
	scopeQuery  = "idn:password-info:read"
	scopeSet    = "idn:password-change:manage"
	scopeStatus = "idn:password-change:read"
	scopeAll    = "sp:scopes:all"
)

// Client is a client ID with its secret: an API Management client or a personal
// access token.
type Client struct {
	// ID is the client ID, unique.
	ID string
	// Secret is the client secret.
	Secret string
	// Scopes are those of the client's tokens. sp:scopes:all includes every
	// other one; sp:scopes:default includes none of those needed here.
	Scopes []string
	// Owner is the user name of the identity that a personal access token
	// belongs to; "" for an API Management client.
	Owner string
	// OrgAdmin says that the owner has the user level ORG_ADMIN, without which
	// a personal access token cannot read the status of a change.
	OrgAdmin bool
}

// may reports whether the client's tokens have the scope.
func (c *Client) may(scope string) bool {
	return slices.Contains(c.Scopes, scope) || slices.Contains(c.Scopes, scopeAll)
}

// Source is a system that holds accounts.
type Source struct {
	// ID is opaque and unique.
	ID string
	// Name is the display name, unique with case.
	Name string
	// Policies are rules of the form "<name> is <number>". Of them
	// passwordMinLength, passwordMinAlpha and passwordMinNumeric are enforced;
	// what others mean is not documented.
	Policies []string
	// SyncGroup names the password sync group: an identity's accounts at all
	// sources of one group change together. "" stands for no group.
	SyncGroup string
	// WithoutPassword says that the source lacks the feature PASSWORD.
	WithoutPassword bool
}

// Account is an account of an identity at a source.
type Account struct {
	// SourceName is the display name of the source.
	SourceName string
	// ID is the account ID, unique at the source. It may be a distinguished name.
	ID string
	// Name is the account name.
	Name string
	// Password is the one in force.
	Password string
	// Twice says that the account occurs twice in the answer to a query, as in
	// the vendor's own example.
	Twice bool
}

// Identity is a person as the tenant knows it.
type Identity struct {
	// ID is opaque and unique.
	ID string
	// UserName is the login name, unique with case.
	UserName string
	// Accounts are the accounts correlated to the identity, in any order.
	Accounts []Account
}

type identity struct {
	id, userName string
	accounts     []*account
}

type account struct {
	Account
	source *Source
	past   []string // former passwords
}

// AddClient adds a client. It panics if the ID is empty or taken, or there is no
// identity of the owner's name.
func (t *Tenant) AddClient(client Client) {
	t.Lock()
	defer t.Unlock()
	if client.ID == "" || t.client(client.ID) != nil || client.Owner != "" && t.identity(client.Owner, false) == nil {
		panic(fmt.Sprintf("simulated SailPoint tenant: client %s cannot be added", client.ID))
	}
	client.Scopes = slices.Clone(client.Scopes)
	t.clients = append(t.clients, &client)
}

// AddSource adds a source. It panics if ID or name is empty or taken.
func (t *Tenant) AddSource(source Source) {
	t.Lock()
	defer t.Unlock()
	if source.ID == "" || source.Name == "" || slices.ContainsFunc(t.sources, func(other *Source) bool {
		return other.ID == source.ID || other.Name == source.Name
	}) {
		panic(fmt.Sprintf("simulated SailPoint tenant: source %s cannot be added", source.Name))
	}
	source.Policies = slices.Clone(source.Policies)
	t.sources = append(t.sources, &source)
}

// AddIdentity adds an identity. It panics if ID or user name is empty or taken, or
// an account is at no source or has an ID that is empty or taken there. A new
// tenant has, all at [SourceName] unless said otherwise:
//
//   - Abby.Smith: an account that queries list twice; also accounts at the sources
//     IdentityNow (account ID abby.smith), Google Drive and Google Mail (one sync
//     group, abby.smith@acme.com at both) and Payroll CSV (E-4711, no passwords)
//   - Abby.Smithe, a look-alike
//   - Ada.Admin
//   - jgarcía: an account ID with commas, quotes, backslashes and non-ASCII
//   - o'hara+100%/"\ü: an awkward login name
//   - Sue.Several: two accounts, one of which has the login name as its name
//   - Tom.Twins: two accounts, neither of which has
//   - No.Account
func (t *Tenant) AddIdentity(added Identity) {
	t.Lock()
	defer t.Unlock()
	if added.ID == "" || added.UserName == "" || slices.ContainsFunc(t.identities, func(other *identity) bool {
		return other.id == added.ID || other.userName == added.UserName
	}) {
		panic(fmt.Sprintf("simulated SailPoint tenant: identity %s cannot be added", added.UserName))
	}
	person := &identity{id: added.ID, userName: added.UserName}
	t.identities = append(t.identities, person)
	for _, details := range added.Accounts {
		source := t.source(details.SourceName, false)
		if source == nil || details.ID == "" || t.account(details.SourceName, details.ID) != nil {
			panic(fmt.Sprintf("simulated SailPoint tenant: account %s cannot be added", details.ID))
		}
		person.accounts = append(person.accounts, &account{Account: details, source: source})
	}
}

// populate adds what every tenant has.
func (t *Tenant) populate() {
	policies := []string{"passwordRepeatedChar is 3", "passwordMinAlpha is 1", "passwordMinLength is 5", "passwordMinNumeric is 1"}
	for _, source := range []Source{
		{ID: "8a807d4c73c545510173c545d4b60246", Name: SourceName},
		{ID: "8a807d4c73c545510173c545d4b60247", Name: "My-AD (old)"},
		{ID: "8a807d4c73c545510173c545d4b60248", Name: "IdentityNow"},
		{ID: "8a807d4c73c545510173c545d4b60249", Name: "Google Drive", SyncGroup: "Google"},
		{ID: "8a807d4c73c545510173c545d4b6024a", Name: "Google Mail", SyncGroup: "Google"},
		{ID: "8a807d4c73c545510173c545d4b6024b", Name: "Payroll CSV", WithoutPassword: true},
	} {
		source.Policies = policies
		t.AddSource(source)
	}
	const unit = ",OU=Austin,OU=Americas,OU=Demo,DC=seri,DC=acme,DC=com"
	at := func(name, accountID, accountName string) Account {
		return Account{SourceName: name, ID: accountID, Name: accountName, Password: FirstPassword}
	}
	abby := at(SourceName, AccountID, UserName)
	abby.Twice = true
	for i, person := range []Identity{
		{UserName: UserName, Accounts: []Account{
			at("Google Drive", "abby.smith@acme.com", "abby.smith@acme.com"),
			abby,
			at("Google Mail", "abby.smith@acme.com", "abby.smith@acme.com"),
			at("IdentityNow", "abby.smith", "abby.smith"),
			at("Payroll CSV", "E-4711", UserName),
		}},
		{UserName: "Abby.Smithe", Accounts: []Account{at(SourceName, "CN=Abby Smithe"+unit, "Abby.Smithe")}},
		{UserName: "Ada.Admin", Accounts: []Account{at(SourceName, "CN=Ada Admin"+unit, "Ada.Admin")}},
		{UserName: "jgarcía", Accounts: []Account{at(SourceName, `CN=García\, José \"Pepe\"\\Süd,OU=Zürich & <Basel>,DC=acme,DC=com`, "jgarcía")}},
		{UserName: `o'hara+100%/"\ü`, Accounts: []Account{at(SourceName, `CN=Ona O'Hara`+unit, `o'hara+100%/"\ü`)}},
		{UserName: "Sue.Several", Accounts: []Account{
			at(SourceName, "CN=Sue Several (admin)"+unit, "adm-sue"),
			at(SourceName, "CN=Sue Several"+unit, "Sue.Several"),
		}},
		{UserName: "Tom.Twins", Accounts: []Account{
			at(SourceName, "CN=Tom Twins 1"+unit, "Tom.Twins.1"),
			at(SourceName, "CN=Tom Twins 2"+unit, "Tom.Twins.2"),
		}},
		{UserName: "No.Account"},
	} {
		person.ID = fmt.Sprintf("8a807d4c73c545510173c545f0a%05x", 0x2ff+i)
		t.AddIdentity(person)
	}
	needed := []string{scopeQuery, scopeSet, scopeStatus}
	for _, client := range []Client{
		{ID: ClientID, Scopes: needed},
		{ID: AllScopesClientID, Scopes: []string{scopeAll}},
		{ID: PowerlessClientID, Scopes: []string{"sp:scopes:default"}},
		{ID: LookUpClientID, Scopes: []string{scopeQuery, scopeStatus}},
		{ID: BlindClientID, Scopes: []string{scopeQuery, scopeSet}},
		{ID: OwnTokenID, Scopes: needed, Owner: UserName, OrgAdmin: true},
		{ID: PlainTokenID, Scopes: needed, Owner: UserName},
		{ID: AdminTokenID, Scopes: needed, Owner: "Ada.Admin", OrgAdmin: true},
	} {
		client.Secret = ClientSecret
		t.AddClient(client)
	}
}

func (t *Tenant) client(id string) *Client {
	for _, client := range t.clients {
		if client.ID == id {
			return client
		}
	}
	return nil
}

// named returns the item of this name, with case, or else in any case if asked.
func named[T any](items []*T, name string, anyCase bool, nameOf func(*T) string) *T {
	for _, item := range items {
		if nameOf(item) == name {
			return item
		}
	}
	for _, item := range items {
		if anyCase && strings.EqualFold(nameOf(item), name) {
			return item
		}
	}
	return nil
}

func (t *Tenant) source(name string, anyCase bool) *Source {
	return named(t.sources, name, anyCase, func(source *Source) string { return source.Name })
}

func (t *Tenant) identity(userName string, anyCase bool) *identity {
	return named(t.identities, userName, anyCase, func(person *identity) string { return person.userName })
}

func (t *Tenant) account(sourceName, accountID string) *account {
	for _, person := range t.identities {
		for _, account := range person.accounts {
			if account.SourceName == sourceName && account.ID == accountID {
				return account
			}
		}
	}
	return nil
}
