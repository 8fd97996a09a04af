// Verifies license files, following docs/format.md. Needs Go 1.19 and only its standard library.
//
//	go build verify.go && ./verify --SETTING=VALUE... FILE...
//
// README.md describes the settings, the result, and what the verifier leaves out.
package main

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"os"
	"regexp"
	"strings"
	"time"
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
	labels  = []string{"LICENSE", "LICENSE VALIDATION", "LICENSE REVOCATIONS"}
	kinds   = map[string]string{
		"LICENSE":             "license+jwt",
		"LICENSE VALIDATION":  "license-validation+jwt",
		"LICENSE REVOCATIONS": "license-revocations+jwt",
	}
	block     = regexp.MustCompile(`^\n*-----BEGIN ([A-Z ]+)-----\n([\w.\n-]*)\n-----END ([A-Z ]+)-----(?:\n+|$)`)
	segments  = regexp.MustCompile(`^[\w-]*\.[\w-]*\.[\w-]*$`)
	surrogate = regexp.MustCompile(`\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F])|.)`)
	integer   = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)
	patterns  = map[string]*regexp.Regexp{}
	withID    = regexp.MustCompile(`^fp1:((?:given|id)=[0-9a-f]{24})(,[a-z]+=[0-9a-f]{24})*$`)
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

// Parses an object. The package `json` would keep the last of two members with one name, and
// replace bytes that are not UTF-8.
func strictJSON(data []byte) object {
	require(utf8.Valid(data) && json.Valid(data), "expected strict JSON")
	for _, escape := range surrogate.FindAllSubmatch(data, -1) {
		require(escape[1] == nil, "found half of a surrogate pair")
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	value, isObject := jsonValue(decoder, 0).(object)
	require(isObject, "expected an object")
	return value
}

func jsonValue(decoder *json.Decoder, depth int) any {
	token, err := decoder.Token()
	require(err == nil, "expected strict JSON")
	if digits, isNumber := token.(json.Number); isNumber {
		_, err := digits.Float64()
		require(err == nil, "a number is out of range")
	}
	delimiter, isNested := token.(json.Delim)
	if !isNested {
		return token
	}
	require(depth < 16, "expected at most 16 levels")
	members, elements := object{}, []any{}
	for decoder.More() {
		if delimiter == '{' {
			name := jsonValue(decoder, depth).(string)
			_, exists := members[name]
			require(!exists, "duplicate member")
			members[name] = jsonValue(decoder, depth+1)
		} else {
			elements = append(elements, jsonValue(decoder, depth+1))
		}
	}
	decoder.Token()
	return map[json.Delim]any{'{': members, '[': elements}[delimiter]
}

// Checks a claim with the keywords of JSON Schema that claims.schema.json uses.
func check(name string, value any, schema object) {
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
			check(name, found[i], schema["items"].(object))
		}
	case object:
		fits = kind == "object"
		required, _ := schema["required"].([]any)
		for i := 0; fits && i < len(required); i++ {
			require(found[required[i].(string)] != nil, "claim `"+required[i].(string)+"`")
		}
		properties, _ := schema["properties"].(object)
		for member, inner := range found {
			if known, exists := properties[member]; exists && fits {
				check(member, inner, known.(object))
			} else if known, exists := schema["additionalProperties"]; exists && fits {
				check(member, inner, known.(object))
			}
		}
	}
	require(fits, "claim `"+name+"`: expected "+kind)
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

// Returns a public key for a JWK.
func parseKey(value any) publicKey {
	jwk, isObject := value.(object)
	require(isObject, "expected a JWK")
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		_, exists := jwk[private]
		require(!exists, "found a private key")
	}
	n, isText := jwk["n"].(string)
	e, isTextToo := jwk["e"].(string)
	require(jwk["kty"] == "RSA" && isText && isTextToo, "expected an RSA key")
	require(jwk["alg"] == "RS256" || jwk["alg"] == "PS256", "`alg` of the key")
	use, hasUse := jwk["use"]
	require(!hasUse || use == "sig", "`use` of the key")
	operations, hasOperations := jwk["key_ops"]
	isForVerifying := regexp.MustCompile(`^\[("sign" )?"verify"( "sign")?\]$`).MatchString(fmt.Sprintf("%q", operations))
	require(!hasOperations || isForVerifying && len(operations.([]any)) < 3, "`key_ops`")
	modulus, exponent := new(big.Int).SetBytes(base64URL(n)), new(big.Int).SetBytes(base64URL(e))
	require(n != "" && e != "" && base64URL(n)[0] != 0 && base64URL(e)[0] != 0, "leading zeros")
	require(modulus.BitLen() >= 2048 && modulus.BitLen() <= 8192 && modulus.Bit(0) == 1, "the modulus")
	require(exponent.BitLen() <= 32 && exponent.Int64() >= 65537 && exponent.Bit(0) == 1, "the exponent")
	hash := sha256.Sum256([]byte(`{"e":"` + e + `","kty":"RSA","n":"` + n + `"}`))
	kid := base64.RawURLEncoding.EncodeToString(hash[:])
	stated, hasKid := jwk["kid"]
	require(!hasKid || stated == kid, "`kid` is not the thumbprint")
	return publicKey{kid, jwk["alg"].(string), &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}}
}

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

// Verifies a token. Returns its claims, with the id of its key as `kid`.
func verify(token string, trust keys, typ string) object {
	require(len(token) <= 1<<16 || typ == "license-revocations+jwt", "the token is too long")
	require(segments.MatchString(token), "expected three segments of base64url")
	parts := strings.Split(token, ".")
	members, signature := strictJSON(base64URL(parts[0])), base64URL(parts[2])
	alg, kid := members["alg"], text(members["kid"])
	require(len(members) == 3 && members["typ"] == typ, "members or `typ` of the header")
	require((alg == "RS256" || alg == "PS256") && kid != "" && len(kid) <= 128, "`alg` or `kid`")
	key, isTrusted := trust[kid]
	require(isTrusted, "the key "+kid+" is not trusted", "UNTRUSTED_KEY")
	require(key.alg == alg, "the key signs with "+key.alg, "BAD_SIGNATURE")
	hash := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	// Before Go 1.20, the package `rsa` accepts a signature that is not less than the modulus.
	isReduced := new(big.Int).SetBytes(signature).Cmp(key.key.N) < 0
	err := rsa.VerifyPSS(key.key, crypto.SHA256, hash[:], signature, &rsa.PSSOptions{SaltLength: 32})
	if alg == "RS256" {
		err = rsa.VerifyPKCS1v15(key.key, crypto.SHA256, hash[:], signature)
	}
	require(isReduced && err == nil, "the signature does not match", "BAD_SIGNATURE")
	claims, schema := strictJSON(base64URL(parts[1])), schemas[typ].(object)
	if typ == "license+jwt" {
		check("ver", claims["ver"], schemas["count"].(object))
		require(claims["ver"] == json.Number("1"), "claim `ver`", "UNSUPPORTED_VERSION")
	}
	if _, exists := claims["crit"]; exists {
		check("crit", claims["crit"], schemas["texts"].(object))
	}
	critical, _ := claims["crit"].([]any)
	for _, name := range critical {
		_, isKnown := schema["properties"].(object)[text(name)]
		require(isKnown, "critical claim "+text(name), "UNSUPPORTED_CLAIM")
	}
	check("payload", claims, schema)
	claims["kid"] = kid
	return claims
}

// The claims are checked. These functions return a zero value or `absent` for a claim that is absent.

func text(claim any) string {
	value, _ := claim.(string)
	return value
}

func has(claim, value any) bool {
	elements, _ := claim.([]any)
	for _, element := range elements {
		if element == value {
			return true
		}
	}
	return false
}

func seconds(claim any, absent float64) float64 {
	if value, exists := claim.(json.Number); exists {
		absent, _ = value.Float64()
	}
	return absent
}

func hours(claim any, member string, absent float64) float64 {
	terms, _ := claim.(object)
	return 3600 * seconds(terms[member], absent)
}

// Checks what the schema of a license cannot express.
func checkLicense(claims object, trust keys) {
	require(claims["cnf"] != nil || claims["floating"] != true, "claim `floating` without `cnf`")
	terms := claims["check_in"]
	require(hours(terms, "every_hours", 0) <= hours(terms, "grace_hours", 0), "claim `check_in`")
	if confirmed, exists := claims["cnf"].(object); exists {
		_, isTrusted := trust[parseKey(confirmed["jwk"]).kid]
		require(!isTrusted, "claim `cnf`", "SERVER_KEY_TRUSTED")
	}
	exp := "perpetual"
	if claims["exp"] != nil {
		exp = fmt.Sprint(claims["exp"])
	}
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
	require(claims["key"] == nil || claims["key"] == key, "claim `key` does not match the others")
}

// Returns whether a validation token is about a license, or about one that the license replaces.
func belongs(token, license object) bool {
	isAbout := token["lic"] == license["jti"] || has(license["supersedes"], token["lic"])
	return isAbout && token["aud"] == license["aud"]
}

// Returns the verified claims of the licenses, validation tokens and revocation lists of a file.
func verifyFile(data []byte, trust keys) map[string][]object {
	limit := 1 << 18
	if list := bytes.Index(data, []byte("-----BEGIN LICENSE REVOCATIONS-----")); list >= 0 && list < limit {
		limit = 1 << 25
	}
	require(len(data) <= limit, "the file is too long")
	rest, tokens := strings.ReplaceAll(string(data), "\r\n", "\n"), map[string][]string{}
	if bare := strings.Trim(rest, "\n"); !strings.HasPrefix(bare, "-") {
		tokens["LICENSE"], rest = []string{bare}, ""
	}
	for rest != "" {
		found := block.FindStringSubmatch(rest)
		require(found != nil && found[1] == found[3] && kinds[found[1]] != "", "expected armor blocks with licenses and their tokens")
		tokens[found[1]] = append(tokens[found[1]], strings.ReplaceAll(found[2], "\n", ""))
		rest = rest[len(found[0]):]
	}
	size := len(strings.Join(tokens["LICENSE"], "")) + len(strings.Join(tokens["LICENSE VALIDATION"], ""))
	require(size <= 1<<18, "the licenses and their tokens are too long")
	file := map[string][]object{}
	for _, label := range labels {
		for _, token := range tokens[label] {
			file[label] = append(file[label], verify(token, trust, kinds[label]))
		}
	}
	require(len(file["LICENSE"]) > 0, "expected a license", "NEEDS_LICENSE_FILE")
	for _, license := range file["LICENSE"] {
		checkLicense(license, trust)
	}
	for _, token := range file["LICENSE VALIDATION"] {
		hasLicense := false
		for _, license := range file["LICENSE"] {
			hasLicense = hasLicense || belongs(token, license)
		}
		require(hasLicense, "claim `lic`: the token belongs to another license")
	}
	for _, list := range file["LICENSE REVOCATIONS"] {
		ids := map[any]bool{}
		for _, entry := range list["revoked"].([]any) {
			ids[entry.(object)["jti"]] = true
		}
		require(len(ids) == len(list["revoked"].([]any)), "claim `revoked`: a duplicate")
	}
	return file
}

// Returns the digest of a fingerprint with an id. Other machines stay as they are.
func digest(machine string) string {
	if first := withID.FindStringSubmatch(machine); first != nil {
		hash := sha256.Sum256([]byte("license-machine-v1\n" + first[1]))
		return fmt.Sprintf("mach_%x", hash[:16])
	}
	return machine
}

// Returns the code of the first rule that fails, or else of a grace period or `VALID`.
func decide(license object, file map[string][]object, context map[string]string) string {
	machine, now := digest(context["machine"]), instant(context["at"], 0)
	aud, jti, iat := license["aud"], license["jti"], seconds(license["iat"], 0)
	start, end := seconds(license["nbf"], iat), seconds(license["exp"], math.Inf(1))
	for _, tokens := range file {
		for _, token := range tokens {
			now = math.Max(now, seconds(token["iat"], 0))
		}
	}
	isReplaced := false
	for _, other := range file["LICENSE"] {
		starts := seconds(other["nbf"], seconds(other["iat"], 0))
		isReplaced = isReplaced || has(other["supersedes"], jti) && other["aud"] == aud && starts <= now
	}
	status, decided, last := "active", -1.0, math.Max(start, iat)
	for _, token := range file["LICENSE VALIDATION"] {
		at, isDenial := seconds(token["iat"], 0), token["status"] != "active"
		if belongs(token, license) && (token["machine"] == nil || digest(text(token["machine"])) == machine) {
			last = math.Max(last, at)
			// A token about a license that this one replaces can be a check-in and a denial.
			if (token["lic"] == jti || isDenial && at >= iat) && (at > decided || at == decided && isDenial) {
				status, decided = text(token["status"]), at
			}
		}
	}
	newest, isRevoked := map[any]float64{}, false
	for _, list := range file["LICENSE REVOCATIONS"] {
		if list["aud"] == aud {
			newest[list["kid"]] = math.Max(newest[list["kid"]], seconds(list["seq"], 0))
		}
	}
	for _, list := range file["LICENSE REVOCATIONS"] {
		counts := list["aud"] == aud && seconds(list["seq"], 0) == newest[list["kid"]]
		for _, entry := range list["revoked"].([]any) {
			at := seconds(entry.(object)["at"], 0)
			isRevoked = isRevoked || counts && entry.(object)["jti"] == jti && at <= now
		}
	}
	machines, isElsewhere := license["machines"].([]any)
	for _, named := range machines {
		isElsewhere = isElsewhere && digest(text(named)) != machine
	}
	usage, isStated := license["usage_type"], context["usage-type"] != ""
	covered := seconds(license["maintenance_until"], math.Inf(1))
	rules := []struct {
		code    string
		applies bool
	}{
		{"PRODUCT_MISMATCH", aud != context["product"]},
		{"REVOKED", status == "revoked" || isRevoked},
		{"SUPERSEDED", isReplaced},
		{strings.ToUpper(status), status != "active"},
		{"NOT_YET_VALID", now < start},
		{"MACHINE_MISMATCH", isElsewhere},
		{"NOT_ACTIVATED", license["activation"] == true},
		{"USER_MISMATCH", license["users"] != nil && !has(license["users"], context["user"])},
		{"USAGE_MISMATCH", usage != nil && usage != context["usage-type"] && (isStated || usage != "builder")},
		{"VERSION_NOT_COVERED", license["max_version"] != nil || instant(context["build-date"], math.Inf(1)) > covered},
		{"EXPIRED", now >= end+hours(license["renewal"], "grace_hours", 0)},
		{"CHECK_IN_OVERDUE", now-last > hours(license["check_in"], "grace_hours", math.Inf(1))},
		{"SEAT_REQUIRED", license["floating"] == true},
		{"GRACE_RENEWAL", now >= end},
		{"GRACE_OFFLINE", now-last >= hours(license["check_in"], "every_hours", math.Inf(1))},
	}
	for _, rule := range rules {
		if rule.applies {
			return rule.code
		}
	}
	return "VALID"
}

// Returns the seconds of a date in RFC 3339.
func instant(date string, absent float64) float64 {
	if date == "" {
		return absent
	}
	return float64(must(time.Parse(time.RFC3339, date)).Unix())
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
	for _, license := range file["LICENSE"] {
		code := decide(license, file, context)
		licenses = append(licenses, object{"code": code, "claims": license})
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
