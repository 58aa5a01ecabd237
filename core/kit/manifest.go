// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
)

// semver is a version as semver.org has it, with less said of what may follow.
var semver = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)([-+][0-9A-Za-z.+-]+)?$`)

// reasonNames are names as manifests should have them.
var reasonNames = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// checkManifest says what people would stumble over in a manifest.
func (a *attempt) checkManifest(context.Context) (findings []string, decisions string, err error) {
	m := &a.manifest
	find := func(format string, args ...any) { findings = append(findings, fmt.Sprintf(format, args...)) }
	if !semver.MatchString(m.Version) {
		find("version %q is no semantic version, such as 1.0.0", m.Version)
	}
	if m.SettingsSchema != "" && !json.Valid([]byte(m.SettingsSchema)) {
		find("the settings schema is no JSON")
	}
	seen := map[uint16]string{}
	for _, reason := range m.Reasons {
		switch other, twice := seen[reason.Code]; {
		case reason.Code == 0:
			find("reason %q has the code 0, which means no reason", reason.Name)
		case twice:
			find("reasons %q and %q have the same code %d", other, reason.Name, reason.Code)
		case !reasonNames.MatchString(reason.Name):
			find("reason %d is called %q; lower-case letters, digits and underscores are a name", reason.Code, reason.Name)
		case reason.Text == "":
			find("reason %q has no text, so people will not be told why", reason.Name)
		}
		seen[reason.Code] = reason.Name
	}
	return findings, "", nil
}
