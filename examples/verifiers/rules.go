// The rules that decide about a verified license. See docs/format.md, "Evaluation".

package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"
)

var withID = regexp.MustCompile(`^fp1:((?:given|id)=[0-9a-f]{24})(,[a-z]+=[0-9a-f]{24})*$`)

// Returns the code of the first rule that fails, or else of a grace period or `VALID`.
func decide(claims object, file map[string][]object, context map[string]string) string {
	machine, now := digest(context["machine"]), instant(context["at"], 0)
	aud, jti, iat := claims["aud"], claims["jti"], seconds(claims, "iat", 0)
	start, end := seconds(claims, "nbf", iat), seconds(claims, "exp", math.Inf(1))
	for _, tokens := range file {
		for _, token := range tokens {
			now = math.Max(now, seconds(token, "iat", 0))
		}
	}
	isReplaced := false
	for _, other := range file[license] {
		starts := seconds(other, "nbf", seconds(other, "iat", 0))
		isReplaced = isReplaced || has(other["supersedes"], jti) && other["aud"] == aud && starts <= now
	}
	status, decisive, last := "active", "", math.Max(start, iat)
	for _, token := range file[validation] {
		at, isDenial := seconds(token, "iat", 0), token["status"] != "active"
		if belongs(token, claims) && digest(get(token, "machine", machine)) == machine {
			last = math.Max(last, at)
			// A token about a license that this one replaces can be a check-in and a denial.
			order := fmt.Sprintf("%012.0f %t %t %s", at, isDenial, token["lic"] == jti, token["jti"])
			if (token["lic"] == jti || isDenial && at >= iat) && order > decisive {
				status, decisive = token["status"].(string), order
			}
		}
	}
	newest, isRevoked := map[any]float64{}, false
	for _, list := range file[revocations] {
		if list["aud"] == aud {
			newest[list["kid"]] = math.Max(newest[list["kid"]], seconds(list, "seq", 0))
		}
	}
	for _, list := range file[revocations] {
		counts := list["aud"] == aud && seconds(list, "seq", 0) == newest[list["kid"]]
		for _, entry := range list["revoked"].([]any) {
			isNamed := entry.(object)["jti"] == jti && seconds(entry.(object), "at", 0) <= now
			isRevoked = isRevoked || counts && isNamed
		}
	}
	machines, isElsewhere := claims["machines"].([]any)
	for _, named := range machines {
		isElsewhere = isElsewhere && digest(named.(string)) != machine
	}
	usage := context["usage-type"]
	if usage == "" {
		usage = "builder"
	}
	built, covered := instant(context["build-date"], math.Inf(1)), seconds(claims, "maintenance_until", math.Inf(1))
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
		{"NOT_ACTIVATED", claims["activation"] == true},
		{"USER_MISMATCH", claims["users"] != nil && !has(claims["users"], context["user"])},
		{"USAGE_MISMATCH", get(claims, "usage_type", usage) != usage},
		{"VERSION_NOT_COVERED", claims["max_version"] != nil || built > covered},
		{"EXPIRED", now >= end+hours(claims, "renewal", "grace_hours", 0)},
		{"CHECK_IN_OVERDUE", now-last > hours(claims, "check_in", "grace_hours", math.Inf(1))},
		{"SEAT_REQUIRED", claims["floating"] == true},
		{"GRACE_RENEWAL", now >= end},
		{"GRACE_OFFLINE", now-last >= hours(claims, "check_in", "every_hours", math.Inf(1))},
	}
	for _, rule := range rules {
		if rule.applies {
			return rule.code
		}
	}
	return "VALID"
}

// Returns whether a validation token is about a license, or about one that the license replaces.
func belongs(token, claims object) bool {
	isAbout := token["lic"] == claims["jti"] || has(claims["supersedes"], token["lic"])
	return isAbout && token["aud"] == claims["aud"]
}

// Returns whether an array has an element. A claim that is absent has none.
func has(claim, value any) bool {
	elements, _ := claim.([]any)
	for _, element := range elements {
		if element == value {
			return true
		}
	}
	return false
}

// Returns the digest of a fingerprint with an id. Other machines stay as they are.
func digest(machine string) string {
	if first := withID.FindStringSubmatch(machine); first != nil {
		hash := sha256.Sum256([]byte("license-machine-v1\n" + first[1]))
		return fmt.Sprintf("mach_%x", hash[:16])
	}
	return machine
}

func seconds(claims object, name string, absent float64) float64 {
	if value, exists := claims[name].(json.Number); exists {
		absent, _ = value.Float64()
	}
	return absent
}

func hours(claims object, terms, name string, absent float64) float64 {
	return 3600 * seconds(get[object](claims, terms, nil), name, absent)
}

// Returns the seconds of a date in RFC 3339.
func instant(date string, absent float64) float64 {
	if date == "" {
		return absent
	}
	return float64(must(time.Parse(time.RFC3339, date)).Unix())
}
