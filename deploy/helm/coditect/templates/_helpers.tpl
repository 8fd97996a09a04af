{{- define "coditect.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 53 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- define "coditect.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "coditect.labels" -}}
{{ include "coditect.selector" . }}
{{ include "coditect.origin" . }}
{{- end -}}

{{- define "coditect.origin" -}}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "coditect.image" -}}
{{- $image := .Values.image -}}
{{- if not $image.repository -}}
{{- fail "image.repository: expected the image of the licensed program, found nothing; hint: --set image.repository=registry.example/app" -}}
{{- end -}}
{{- if $image.digest -}}
{{ printf "%s@%s" $image.repository $image.digest }}
{{- else if $image.tag -}}
{{ printf "%s:%s" $image.repository $image.tag }}
{{- else -}}
{{- fail "image: expected a tag or a digest, found neither; hint: --set image.tag=1.2.3" -}}
{{- end -}}
{{- end -}}

{{/* Checks the license. No message contains its text. */}}
{{- define "coditect.check" -}}
{{- $license := .Values.license -}}
{{- $given := list -}}
{{- range $name := list "key" "file" "existingSecret" -}}
{{- if get $license $name -}}{{- $given = append $given (printf "license.%s" $name) -}}{{- end -}}
{{- end -}}
{{- if ne (len $given) 1 -}}
{{- fail (printf "license: expected one of license.key, license.file and license.existingSecret, found %s; hint: --set-file license.key=acme.key" (ternary "none" (join " and " $given) (empty $given))) -}}
{{- end -}}
{{- if and $license.existingSecret $license.trust -}}
{{- fail "license.trust: expected trust.jwks in the existing Secret, found it here; hint: omit license.trust" -}}
{{- end -}}
{{- if $license.key -}}
{{- $key := trim $license.key -}}
{{- if regexMatch "-[0-9A-F]{16}$" $key -}}
{{- fail "license.key: expected a full enterprise key, found a short one, which has no signature; hint: use the key or the license file that the vendor sent" -}}
{{- else if not (regexMatch "^CODITECT-ENT-[A-Z0-9]{2,16}-[1-9][0-9]{0,9}-[0-9]{8}-[A-Za-z0-9_-]{342,}$" $key) -}}
{{- fail "license.key: expected a full enterprise key in one line, such as CODITECT-ENT-ACME-100-20271231-…; hint: use --set-file license.key=acme.key, or license.file for a license file" -}}
{{- end -}}
{{- end -}}
{{- if and $license.file (not (contains "-----BEGIN LICENSE-----" $license.file)) -}}
{{- fail "license.file: expected -----BEGIN LICENSE-----; hint: use --set-file license.file=acme.lic, license.key for an enterprise key, or license.revocations for a revocation list" -}}
{{- end -}}
{{- if and $license.existingSecret $license.revocations -}}
{{- fail "license.revocations: expected revocations.lic in the existing Secret, found it here; hint: omit license.revocations" -}}
{{- end -}}
{{- if and $license.revocations (not (contains "-----BEGIN LICENSE REVOCATIONS-----" $license.revocations)) -}}
{{- fail "license.revocations: expected -----BEGIN LICENSE REVOCATIONS-----; hint: use --set-file license.revocations=revocations.lic, or license.file for a license file" -}}
{{- end -}}
{{- if contains "PRIVATE KEY" (printf "%s%s%s" $license.file $license.trust $license.revocations) -}}
{{- fail "license: expected public keys and licenses, found a private key; hint: do not use this key, and inform the vendor, who must keep it secret" -}}
{{- end -}}
{{- end -}}

{{- define "coditect.secret" -}}
{{ .Values.license.existingSecret | default (printf "%s-license" (include "coditect.name" .)) }}
{{- end -}}

{{- define "coditect.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .Values.user }}
runAsGroup: {{ .Values.user }}
fsGroup: {{ .Values.user }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "coditect.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
privileged: false
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "coditect.env" -}}
- name: CODITECT_HOME
  value: /var/lib/coditect
- name: CODITECT_SYSTEM_DIR
  value: /etc/coditect
- name: CODITECT_MACHINE_ID
  value: {{ .Values.machineId | default (printf "%s.%s" .Release.Namespace (include "coditect.name" .)) | quote }}
{{- end -}}

{{- define "coditect.mounts" -}}
- name: license
  mountPath: /etc/coditect
  readOnly: true
- name: state
  mountPath: /var/lib/coditect
- name: tmp
  mountPath: /tmp
{{- end -}}

{{- define "coditect.volumes" -}}
# Mounts the whole directory. Kubernetes does not update a single mounted file in running pods.
- name: license
  secret:
    secretName: {{ include "coditect.secret" . }}
    defaultMode: 0440
- name: state
  emptyDir:
    medium: Memory
    sizeLimit: {{ .Values.stateSize }}
- name: tmp
  emptyDir:
    medium: Memory
    sizeLimit: {{ .Values.tmpSize }}
{{- end -}}

{{/* A container that verifies the license with the command `license`. */}}
{{- define "coditect.verify" -}}
image: {{ .Values.program.image | default (include "coditect.image" .) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
command: [{{ .Values.program.path | quote }}, status{{ if .Values.verify.strict }}, --strict{{ end }}]
securityContext:
  {{- include "coditect.security" . | nindent 2 }}
env:
  {{- include "coditect.env" . | nindent 2 }}
volumeMounts:
  {{- include "coditect.mounts" . | nindent 2 }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
