// Verifies license files, following docs/format.md. Needs Go 1.19 and only its standard library.
//
//	go build verify.go rules.go strict.go && ./verify --SETTING=VALUE... FILE...
//
// See README.md for the settings and the results. rules.go has the rules, strict.go the parsers.
package main

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"regexp"
	"strings"
)

// The kinds of tokens: `typ` in the header, and the label of the armor.
const (
	license     = "license+jwt"
	validation  = "license-validation+jwt"
	revocations = "license-revocations+jwt"
)

var kinds = map[string]string{"LICENSE": license, "LICENSE VALIDATION": validation, "LICENSE REVOCATIONS": revocations}
var block = regexp.MustCompile(`^-----BEGIN ([A-Z ]+)-----\n([\w.\n-]*)\n-----END ([A-Z ]+)-----(?:\n+|$)`)

// Verifies a token: its header, its signature, and then its claims. Returns the claims, with the id
// of the key as `kid`.
func verify(token string, trust keys, typ string) object {
	require(len(token) <= 1<<16 || typ == revocations, "the token is too long")
	segments := strings.Split(token, ".")
	require(len(segments) == 3, "expected three segments")
	header, payload, signature := base64URL(segments[0]), base64URL(segments[1]), base64URL(segments[2])
	members := strictJSON(header)
	check("header", members, schemas["header"])
	alg, kid := members["alg"].(string), members["kid"].(string)
	require(members["typ"] == typ && len(kid) <= 128, "`typ`, or a `kid` that is too long")
	key, isTrusted := trust[kid]
	require(isTrusted, "the key "+kid+" is not trusted", "UNTRUSTED_KEY")
	require(key.alg == alg, "the key signs with "+key.alg, "BAD_SIGNATURE")
	hash := sha256.Sum256([]byte(segments[0] + "." + segments[1]))
	err := rsa.VerifyPKCS1v15(key.key, crypto.SHA256, hash[:], signature)
	if alg == "PS256" {
		err = rsa.VerifyPSS(key.key, crypto.SHA256, hash[:], signature, &rsa.PSSOptions{SaltLength: 32})
	}
	// Before Go 1.20, the package `rsa` accepts a signature that is not less than the modulus.
	isReduced := new(big.Int).SetBytes(signature).Cmp(key.key.N) < 0
	require(isReduced && err == nil, "the signature does not match", "BAD_SIGNATURE")
	claims := strictJSON(payload)
	checkClaims(claims, typ, trust)
	claims["kid"] = kid
	return claims
}

// Returns the verified claims of the licenses, validation tokens and revocation lists of a file.
func verifyFile(data []byte, trust keys) map[string][]object {
	limit, list := 1<<18, []byte("-----BEGIN LICENSE REVOCATIONS-----")
	if index := bytes.Index(data, list); index >= 0 && index+len(list) <= limit {
		limit = 1 << 25
	}
	require(len(data) <= limit, "the file is too long")
	rest := strings.Trim(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	if !strings.HasPrefix(rest, "-") {
		rest = "-----BEGIN LICENSE-----\n" + rest + "\n-----END LICENSE-----"
	}
	size, tokens, file := 0, map[string][]string{}, map[string][]object{}
	for rest != "" {
		found := block.FindStringSubmatch(rest)
		require(found != nil && found[1] == found[3] && kinds[found[1]] != "", "expected armor blocks with licenses and their tokens")
		token, typ := strings.ReplaceAll(found[2], "\n", ""), kinds[found[1]]
		tokens[typ] = append(tokens[typ], token)
		if typ != revocations {
			size += len(token)
		}
		rest = rest[len(found[0]):]
	}
	require(size <= 1<<18, "the licenses and their tokens are too long")
	for _, typ := range []string{license, validation, revocations} {
		for _, token := range tokens[typ] {
			file[typ] = append(file[typ], verify(token, trust, typ))
		}
	}
	require(len(file[license]) > 0, "expected a license", "NEEDS_LICENSE_FILE")
	for _, token := range file[validation] {
		hasLicense := false
		for _, claims := range file[license] {
			hasLicense = hasLicense || belongs(token, claims)
		}
		require(hasLicense, "claim `lic`: the token belongs to another license")
	}
	return file
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// Returns the answer for a file, and its exit code.
func answer(path string, context map[string]string) (found object, exitCode int) {
	defer func() {
		if reason := recover(); reason != nil {
			refusal := reason.(refused)
			found = object{"file": path, "error": object{"code": refusal.code, "message": refusal.message}}
			exitCode = 3
		}
	}()
	file, licenses := verifyFile(must(os.ReadFile(path)), trustSet(must(os.ReadFile(context["trust"])))), []object{}
	exitCode = 1
	for _, claims := range file[license] {
		code := decide(claims, file, context)
		licenses = append(licenses, object{"code": code, "claims": claims})
		if code == "VALID" || strings.HasPrefix(code, "GRACE_") {
			exitCode = 0
		}
	}
	return object{"file": path, "licenses": licenses}, exitCode
}

func main() {
	settings := " trust product at machine user usage-type build-date "
	context, worst := map[string]string{}, 0
	for _, argument := range os.Args[1:] {
		name, value, isSetting := strings.Cut(strings.TrimPrefix(argument, "--"), "=")
		if strings.HasPrefix(argument, "--") {
			if !isSetting || !strings.Contains(settings, " "+name+" ") {
				panic("unknown setting " + argument)
			}
			context[name] = value
			continue
		}
		for _, required := range []string{"trust", "product", "at"} {
			if context[required] == "" {
				panic("expected --" + required + "=VALUE before " + argument)
			}
		}
		found, exitCode := answer(argument, context)
		if exitCode > worst {
			worst = exitCode
		}
		fmt.Println(string(must(json.Marshal(found))))
	}
	os.Exit(worst)
}
