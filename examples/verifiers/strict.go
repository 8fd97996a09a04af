// Strict parsers for verify.go: base64url, JSON, public keys and claims. See docs/format.md.

package main

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"unicode/utf8"
)

type object = map[string]any

type publicKey struct {
	kid, alg string
	key      *rsa.PublicKey
}

type keys = map[string]publicKey

// The input proves nothing. A function that finds this out panics with it, and `answer` recovers.
type refused struct{ code, message string }

//go:embed claims.schema.json
var schemaFile []byte
var (
	schemas = strictJSON(schemaFile)["$defs"].(object)
	quoted  = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	// An escape with half of a surrogate pair is the only one with a group.
	escape   = regexp.MustCompile(`\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F])|.)`)
	integer  = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)
	patterns = map[string]*regexp.Regexp{}
)

func require(condition bool, message string, code ...string) {
	if !condition {
		panic(refused{append(code, "MALFORMED")[0], message})
	}
}

func base64URL(text string) []byte {
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	require(err == nil && !strings.ContainsAny(text, "\r\n"), "expected base64url without padding or stray bits")
	return data
}

// Parses an object without duplicate members, of up to 16 levels, with finite numbers. The package
// `json` alone would keep the last of two members, and replace bytes that are not UTF-8.
func strictJSON(data []byte) (value object) {
	require(utf8.Valid(data) && json.Valid(data), "expected strict JSON")
	for _, found := range escape.FindAllSubmatch(data, -1) {
		require(found[1] == nil, "found half of a surrogate pair")
	}
	members, depth := 0, 0
	for _, mark := range quoted.ReplaceAll(data, nil) {
		members += strings.Count(":", string(mark))
		depth += strings.Count("{[", string(mark)) - strings.Count("}]", string(mark))
		require(depth <= 16, "expected at most 16 levels")
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	require(decoder.Decode(&value) == nil && value != nil, "expected an object")
	require(distinct(value) == members, "duplicate member")
	return value
}

// Counts the members of a value, and checks its numbers.
func distinct(value any) (members int) {
	switch found := value.(type) {
	case json.Number:
		_, err := found.Float64()
		require(err == nil, "a number is out of range")
	case []any:
		for _, element := range found {
			members += distinct(element)
		}
	case object:
		for _, inner := range found {
			members += 1 + distinct(inner)
		}
	}
	return members
}

// Checks a value with the keywords of JSON Schema that claims.schema.json uses.
func check(name string, value, definition any) {
	schema, isPermitted := definition.(object)
	require(isPermitted, "found `"+name+"`")
	if reference, exists := schema["$ref"].(string); exists {
		schema = schemas[strings.TrimPrefix(reference, "#/$defs/")].(object)
	}
	kind, fits := schema["type"].(string), false
	switch found := value.(type) {
	case bool:
		fits = kind == "boolean"
	case json.Number:
		fits = kind == "integer" && integer.MatchString(found.String()) &&
			number(schema["minimum"]).Cmp(number(found)) <= 0 && number(found).Cmp(number(schema["maximum"])) <= 0
	case string:
		fits = kind == "string" && pattern(schema["pattern"].(string)).MatchString(found)
	case []any:
		fits = kind == "array" && (schema["minItems"] == nil || len(found) > 0)
		for i := 0; fits && i < len(found); i++ {
			check(name, found[i], schema["items"])
		}
	case object:
		fits = kind == "object"
		for _, member := range get[[]any](schema, "required", nil) {
			require(!fits || found[member.(string)] != nil, "`"+member.(string)+"` is missing")
		}
		for member, inner := range found {
			known, exists := get[object](schema, "properties", nil)[member]
			if !exists {
				known, exists = schema["additionalProperties"]
			}
			if exists && fits {
				check(member, inner, known)
			}
		}
	}
	require(fits, "`"+name+"`: expected "+kind)
}

// Returns a member of an object, or another value if it is absent or has another type.
func get[T any](members object, name string, absent T) T {
	if value, exists := members[name].(T); exists {
		return value
	}
	return absent
}

// Compiles each pattern once, because a revocation list can have a million texts.
func pattern(text string) *regexp.Regexp {
	if patterns[text] == nil {
		patterns[text] = regexp.MustCompile(text)
	}
	return patterns[text]
}

func number(value any) *big.Int {
	parsed, _ := new(big.Int).SetString(value.(json.Number).String(), 10)
	return parsed
}

// Parses a JWK.
func parseKey(value any) publicKey {
	check("key", value, schemas["jwk"])
	jwk := value.(object)
	n, e, alg := jwk["n"].(string), jwk["e"].(string), jwk["alg"].(string)
	operations := get(jwk, "key_ops", []any{"verify"})
	isDistinct := len(operations) == 1 || len(operations) == 2 && operations[0] != operations[1]
	require(has(operations, "verify") && isDistinct, "`key_ops`")
	modulus, exponent := new(big.Int).SetBytes(base64URL(n)), new(big.Int).SetBytes(base64URL(e))
	require(modulus.BitLen() >= 2048 && modulus.BitLen() <= 8192 && modulus.Bit(0) == 1, "the modulus")
	require(exponent.BitLen() <= 32 && exponent.Int64() >= 65537 && exponent.Bit(0) == 1, "the exponent")
	hash := sha256.Sum256([]byte(`{"e":"` + e + `","kty":"RSA","n":"` + n + `"}`))
	kid := base64.RawURLEncoding.EncodeToString(hash[:])
	require(get(jwk, "kid", kid) == kid, "`kid` is not the thumbprint")
	return publicKey{kid, alg, &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}}
}

// Parses the public keys of a vendor. Returns each key by its id.
func trustSet(data []byte) keys {
	document, trust := strictJSON(data), keys{}
	list, isList := document["keys"].([]any)
	if _, isSet := document["keys"]; !isSet {
		list, isList = []any{document}, true
	}
	require(isList && len(list) > 0, "`keys`")
	for _, jwk := range list {
		key := parseKey(jwk)
		other, exists := trust[key.kid]
		require(!exists || other.alg == key.alg, "a key has two algorithms")
		trust[key.kid] = key
	}
	return trust
}

// Checks the claims of a token: with the schema, and then what a schema cannot express.
func checkClaims(claims object, typ string, trust keys) {
	if typ == license {
		check("ver", claims["ver"], schemas["count"])
		require(claims["ver"] == json.Number("1"), "claim `ver`", "UNSUPPORTED_VERSION")
	}
	if _, exists := claims["crit"]; exists {
		check("crit", claims["crit"], schemas["texts"])
	}
	for _, name := range get[[]any](claims, "crit", nil) {
		_, isKnown := schemas[typ].(object)["properties"].(object)[name.(string)]
		require(isKnown, "critical claim "+name.(string), "UNSUPPORTED_CLAIM")
	}
	check("payload", claims, schemas[typ])
	if typ == license {
		checkLicense(claims, trust)
	} else if typ == revocations {
		ids := map[any]bool{}
		for _, entry := range claims["revoked"].([]any) {
			ids[entry.(object)["jti"]] = true
		}
		require(len(ids) == len(claims["revoked"].([]any)), "claim `revoked`: a duplicate")
	}
}

func checkLicense(claims object, trust keys) {
	confirmed, isBound := claims["cnf"].(object)
	require(isBound || claims["floating"] != true, "claim `floating` without `cnf`")
	require(hours(claims, "check_in", "every_hours", 0) <= hours(claims, "check_in", "grace_hours", 0), "claim `check_in`")
	if isBound {
		_, isTrusted := trust[parseKey(confirmed["jwk"]).kid]
		require(!isTrusted, "claim `cnf`", "SERVER_KEY_TRUSTED")
	}
	exp := get(claims, "exp", json.Number("perpetual"))
	lines := fmt.Sprintf("coditect-license-key-v1\n%s\n%s\n%s\n%s", claims["jti"], claims["sub"], claims["tier"], exp)
	hash := sha256.Sum256([]byte(lines))
	key, crc := fmt.Sprintf("%s-%s-%X", claims["aud"], claims["tier"], hash[:6]), uint16(0xFFFF)
	for _, character := range []byte(key) {
		crc ^= uint16(character) << 8
		for bit := 0; bit < 8; bit++ {
			crc = crc<<1 ^ crc>>15*0x1021
		}
	}
	key = fmt.Sprintf("%s-%04X", key, crc^0xF027)
	require(get(claims, "key", key) == key, "claim `key` does not match the other claims")
}
