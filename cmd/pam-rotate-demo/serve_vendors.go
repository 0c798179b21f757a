package main

import (
	"fmt"
	"time"

	"pam-rotate-script/internal/simulator"
	restsimulator "pam-rotate-script/internal/simulator/rest"
	sailpointsimulator "pam-rotate-script/internal/simulator/sailpoint"
	spssimulator "pam-rotate-script/internal/simulator/sps"
	teramindsimulator "pam-rotate-script/internal/simulator/teramind"
	venafisimulator "pam-rotate-script/internal/simulator/venafi"
)

// The accounts that are served are some of those that every simulated vendor has.

func (v *servedVendor) start(vendor simulator.Vendor) (err error) {
	v.server, err = simulator.Start(vendor, simulator.Options{})
	if err == nil {
		v.served.URL = v.server.URL()
	}
	return err
}

func accounts(password string, users ...string) []demoAccount {
	var all []demoAccount
	for _, user := range users {
		all = append(all, demoAccount{User: user, Password: password})
	}
	return all
}

func serveTeramind(v *servedVendor) error {
	instance := teramindsimulator.New(teramindsimulator.Options{ExtraFields: true, MinimumLength: 8})
	if err := v.start(instance); err != nil {
		return err
	}
	v.password = instance.Password
	v.served.Credentials = signInWith{{"token", teramindsimulator.Token}}
	v.served.Accounts = accounts(teramindsimulator.FirstPassword, "jdoe@example.com", "admin@example.com")
	v.served.access = map[string]any{"Target": v.name, "url": v.served.URL + "/tm-api", "password": teramindsimulator.Token}
	return nil
}

func serveVenafi(v *servedVendor) error {
	platform := venafisimulator.New(venafisimulator.Options{ExtraFields: true})
	if err := v.start(platform); err != nil {
		return err
	}
	v.password = platform.Password
	v.served.Credentials = signInWith{
		{"client_id", venafisimulator.ClientID}, {"login", venafisimulator.Caller}, {"password", venafisimulator.CallerPassword},
	}
	v.served.Accounts = accounts(venafisimulator.FirstPassword, "jdoe", "JohnDoe")
	v.served.access = map[string]any{
		"Target": v.name, "url": v.served.URL, "login": venafisimulator.Caller, "password": venafisimulator.CallerPassword,
		"Client ID": venafisimulator.ClientID,
	}
	return nil
}

// sailPointDelay is how long the tenant takes to bring a password into force.
const sailPointDelay = time.Second

func serveSailPoint(v *servedVendor) error {
	tenant := sailpointsimulator.New(sailpointsimulator.Options{EndsAfter: sailPointDelay})
	if err := v.start(tenant); err != nil {
		return err
	}
	users := map[string]string{
		sailpointsimulator.UserName: sailpointsimulator.AccountID,
		"Ada.Admin":                 "CN=Ada Admin,OU=Austin,OU=Americas,OU=Demo,DC=seri,DC=acme,DC=com",
	}
	v.delay = sailPointDelay + sailPointDelay/10
	v.password = func(user string) string { return tenant.Password(sailpointsimulator.SourceName, users[user]) }
	v.served.Credentials = signInWith{{"client_id", sailpointsimulator.ClientID}, {"client_secret", sailpointsimulator.ClientSecret}}
	v.served.Accounts = accounts(sailpointsimulator.FirstPassword, sailpointsimulator.UserName, "Ada.Admin")
	v.served.Source = sailpointsimulator.SourceName
	v.served.access = map[string]any{
		"Target": v.name, "url": v.served.URL, "login": sailpointsimulator.ClientID, "password": sailpointsimulator.ClientSecret,
		"Source Name": sailpointsimulator.SourceName,
	}
	return nil
}

func serveSPS(v *servedVendor) error {
	// The vendor's own module reads a transaction's status in the body. The usual users
	// have fields that differ in case alone, which PowerShell cannot read.
	var users []spssimulator.User
	for i, name := range []string{"admin", spssimulator.AccessUser, "jdoe", "j.doe"} {
		user := spssimulator.User{
			Key: fmt.Sprintf("14322374245a7de542bbb%02x", i), Name: name, Password: spssimulator.FirstPassword,
			REST: true, Administrator: i < 2,
		}
		if name == spssimulator.AccessUser {
			user.Password = spssimulator.AccessPassword
		}
		users = append(users, user)
	}
	appliance := spssimulator.New(spssimulator.Options{StatusInBody: true, Users: users})
	if err := v.start(appliance); err != nil {
		return err
	}
	v.password = appliance.Password
	v.served.Credentials = signInWith{{"login", spssimulator.AccessUser}, {"password", spssimulator.AccessPassword}}
	v.served.Accounts = accounts(spssimulator.FirstPassword, "jdoe", "j.doe")
	v.served.access = map[string]any{
		"Target": v.name, "url": v.served.URL, "login": spssimulator.AccessUser, "password": spssimulator.AccessPassword,
	}
	return nil
}

func serveREST(v *servedVendor) error {
	service, err := restsimulator.New(restsimulator.Config{VerifyPath: restSignInPath, MinimumLength: 8})
	if err != nil {
		return err
	}
	if err := v.start(service); err != nil {
		return err
	}
	base := v.served.URL
	v.served.URL = base + "/api/password"
	v.password = service.Password
	v.served.Credentials = signInWith{{"token", restsimulator.Token}}
	v.served.Accounts = accounts(restsimulator.FirstPassword, "jdoe@example.com", "jdoe@example.co")
	v.served.access = map[string]any{
		"Target": v.name, "url": v.served.URL, "password": restsimulator.Token, "Verify URL": base + restSignInPath,
	}
	return nil
}
