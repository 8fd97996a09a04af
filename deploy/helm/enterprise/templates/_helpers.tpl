{{- define "server.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- define "server.selector" -}}
app.kubernetes.io/name: license-server
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "server.labels" -}}
{{ include "server.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "server.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ printf "%s@%s" $image.repository $image.digest }}
{{- else -}}
{{ printf "%s:%s" $image.repository ($image.tag | default .Chart.AppVersion) }}
{{- end -}}
{{- end -}}

{{- define "server.account" -}}
{{ .Values.serviceAccount.name | default (include "server.name" .) }}
{{- end -}}

{{- define "server.secret" -}}
{{ .Values.license.existingSecret | default (printf "%s-license" (include "server.name" .)) }}
{{- end -}}

{{/* Whether there is a Secret with a license or with public keys. */}}
{{- define "server.hasSecret" -}}
{{- with .Values.license -}}
{{- if or .key .trust .existingSecret -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whether license.key is an enterprise key, which the server cannot use. */}}
{{- define "server.hasEnterpriseKey" -}}
{{- if and .Values.license.key (not (contains "-----BEGIN LICENSE-----" .Values.license.key)) -}}true{{- end -}}
{{- end -}}

{{- define "server.url" -}}
{{ .Values.publicUrl | default (printf "https://%s.%s.svc:%v" (include "server.name" .) .Release.Namespace .Values.service.port) }}
{{- end -}}

{{/* Checks the values. No message contains a license or a key. */}}
{{- define "server.check" -}}
{{- $license := .Values.license -}}
{{- if and $license.existingSecret (or $license.key $license.trust) -}}
{{- fail "license: expected license.existingSecret or license.key with license.trust, found both; hint: put `license.lic` and `trust.jwks` into the Secret" -}}
{{- end -}}
{{- if contains "PRIVATE KEY" (printf "%s%s" $license.key $license.trust) -}}
{{- fail "license: expected a license and public keys, found a private key; hint: do not use this key, and inform the vendor, who must keep it secret" -}}
{{- end -}}
{{- if include "server.hasEnterpriseKey" . -}}
{{- $key := trim $license.key -}}
{{- if regexMatch "-[0-9A-F]{16}$" $key -}}
{{- fail "license.key: expected a license file or a full enterprise key, found a short key, which has no signature; hint: use the file that the vendor sent" -}}
{{- else if not (regexMatch "^[A-Z0-9]{2,16}-ENT-[A-Z0-9]{2,16}-[1-9][0-9]{0,9}-[0-9]{8}-[A-Za-z0-9_-]{342,}$" $key) -}}
{{- fail "license.key: expected a license file with -----BEGIN LICENSE----- or a full enterprise key in one line, such as CODITECT-ENT-ACME-100-20271231-…; hint: use --set-file license.key=acme.key, and license.trust for public keys" -}}
{{- end -}}
{{- end -}}
{{- if and $license.trust (not (contains "\"keys\"" $license.trust)) -}}
{{- fail "license.trust: expected a trust set with the member keys; hint: use --set-file license.trust=trust.jwks" -}}
{{- end -}}
{{- $settings := .Values.settings -}}
{{- if .Values.database.existingSecret -}}
{{- if not .Values.serverKey.existingSecret -}}
{{- fail "serverKey.existingSecret: expected the Secret with the key of all servers, found none; hint: create the key with `license-server init`, and the Secret with `kubectl create secret generic license-server-key --from-file=server.key`" -}}
{{- end -}}
{{- if and (not .Values.tls.existingSecret) (ne (toString $settings.tls) "off") -}}
{{- fail "tls.existingSecret: expected the Secret with the certificate of all servers, found none, and each server would create its own; hint: kubectl create secret tls license-server-tls --cert=server.crt --key=server.pem" -}}
{{- end -}}
{{- if $settings.ledger -}}
{{- fail "settings.ledger: expected a server without a database, found database.existingSecret; hint: a vendor's server with a ledger is one server" -}}
{{- end -}}
{{- else if .Values.redis.existingSecret -}}
{{- fail "redis.existingSecret: expected database.existingSecret too, found none; hint: Redis is used beside PostgreSQL only" -}}
{{- end -}}
{{- if .Values.enterprise.airgap -}}
{{- if and $settings.login_issuer (not $settings.login_keys) -}}
{{- fail "settings.login_issuer: expected login_keys with enterprise.airgap, found none; hint: write the keys of the provider to a file, as docs/server.md describes" -}}
{{- end -}}
{{- if regexMatch "^(aws|gcp)kms:" (toString $settings.signing_key) -}}
{{- fail "settings.signing_key: expected a file or a PKCS#11 key with enterprise.airgap, found a key in a cloud; hint: set enterprise.airgap=false" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "server.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .Values.user }}
runAsGroup: {{ .Values.user }}
fsGroup: {{ .Values.user }}
# Otherwise Kubernetes opens the private files of the volume to the group at each start, and the
# server refuses them.
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "server.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
privileged: false
capabilities:
  drop: [ALL]
{{- end -}}

{{/* All settings are variables, so that commands in the container use them too. */}}
{{- define "server.env" -}}
- name: LICENSE_SERVER_DATA_DIR
  value: /var/lib/license-server/{{ .Values.persistence.directory }}
- name: LICENSE_SERVER_LISTEN
  value: 0.0.0.0:8443
- name: LICENSE_SERVER_METRICS_LISTEN
  value: 0.0.0.0:9464
- name: LICENSE_SERVER_PUBLIC_URL
  value: {{ include "server.url" . | quote }}
{{- if .Values.tls.existingSecret }}
- name: LICENSE_SERVER_TLS_CERT
  value: /run/license-server/tls/tls.crt
- name: LICENSE_SERVER_TLS_KEY
  value: /run/license-server/tls/tls.key
{{- else if ne (toString .Values.settings.tls) "off" }}
{{- $name := include "server.name" . }}
{{- $service := printf "%s.%s.svc" $name .Release.Namespace }}
- name: LICENSE_SERVER_TLS_NAMES
  value: {{ concat (list $name $service (printf "%s.cluster.local" $service)) .Values.tls.names | join "," | quote }}
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: LICENSE_SERVER_{{ upper $name }}
  value: {{ kindIs "slice" $value | ternary (join "," $value) (kindIs "float64" $value | ternary (int64 $value) $value) | quote }}
{{- end }}
{{- if and .Values.database.existingSecret (not .Values.settings.name) }}
# All servers of a database have one name in what they sign.
- name: LICENSE_SERVER_NAME
  value: {{ include "server.name" . }}
{{- end }}
{{- range $service := list "database" "redis" }}
{{- with (index $.Values $service).existingSecret }}
- name: LICENSE_SERVER_{{ upper $service }}
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: url
{{- end }}
{{- end }}
{{- end -}}

{{/* The mounted Secrets by the names of their directories in /run/license-server. */}}
{{- define "server.secrets" -}}
{{- if include "server.hasSecret" . }}
license: {{ include "server.secret" . }}
{{- end }}
{{- with .Values.serverKey.existingSecret }}
key: {{ . }}
{{- end }}
{{- with .Values.tls.existingSecret }}
tls: {{ . }}
{{- end }}
{{- with .Values.files.existingSecret }}
files: {{ . }}
{{- end }}
{{- end -}}

{{- define "server.mounts" -}}
- name: data
  mountPath: /var/lib/license-server
- name: tmp
  mountPath: /tmp
{{- range $name, $value := include "server.secrets" . | fromYaml }}
- name: {{ $name }}
  mountPath: /run/license-server/{{ $name }}
  readOnly: true
{{- end }}
{{- end -}}

{{- define "server.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 256Mi
{{- if .Values.database.existingSecret }}
# The key and the public keys of a server. The rest is in the database.
- name: data
  emptyDir:
    medium: Memory
    sizeLimit: 64Mi
{{- end }}
{{- range $name, $value := include "server.secrets" . | fromYaml }}
- name: {{ $name }}
  secret:
    secretName: {{ $value }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{/* What all containers have. */}}
{{- define "server.container" -}}
image: {{ include "server.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- include "server.security" . | nindent 2 }}
env:
  {{- include "server.env" . | nindent 2 }}
volumeMounts:
  {{- include "server.mounts" . | nindent 2 }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "server.pod" -}}
{{- $scheme := ternary "HTTP" "HTTPS" (eq (toString .Values.settings.tls) "off") -}}
metadata:
  labels:
    {{- include "server.selector" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # A new license or trust set restarts the server, which then installs it. A restart ends no seat.
    checksum/license: {{ printf "%s%s" .Values.license.key .Values.license.trust | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "server.account" . }}
  automountServiceAccountToken: false
  # Variables of other Services could have names of settings.
  enableServiceLinks: false
  # The server finishes open requests within shutdown_timeout.
  terminationGracePeriodSeconds: {{ add 30 (.Values.settings.shutdown_timeout | default 10) }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- include "server.podSecurity" . | nindent 4 }}
  initContainers:
    - name: init
      command:
        - license-server
        - init
        {{- if .Values.serverKey.existingSecret }}
        - --import-key=/run/license-server/key/server.key
        {{- end }}
      {{- include "server.container" . | nindent 6 }}
    {{- if include "server.hasSecret" . }}
    # A license that is refused must not stop the server: its log says why.
    - name: install
      command:
        - license-server
        - install
        - --warn
        - /run/license-server/license/trust.jwks
        - /run/license-server/license/license.lic
      {{- include "server.container" . | nindent 6 }}
    {{- end }}
  containers:
    - name: server
      command: [license-server, run]
      ports:
        - name: https
          containerPort: 8443
        - name: metrics
          containerPort: 9464
      startupProbe:
        httpGet:
          path: /healthz
          port: https
          scheme: {{ $scheme }}
        periodSeconds: 2
        timeoutSeconds: 5
        failureThreshold: 60
      livenessProbe:
        httpGet:
          path: /healthz
          port: https
          scheme: {{ $scheme }}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet:
          path: /readyz
          port: https
          scheme: {{ $scheme }}
        periodSeconds: 2
        timeoutSeconds: 5
        failureThreshold: 2
      {{- if and .Values.database.existingSecret (semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version) }}
      # The load balancer needs a moment to forget this server.
      lifecycle:
        preStop:
          sleep:
            seconds: 5
      {{- end }}
      {{- include "server.container" . | nindent 6 }}
  volumes:
    {{- include "server.volumes" . | nindent 4 }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
