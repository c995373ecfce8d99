{{- define "journeyman.labels" -}}
app.kubernetes.io/name: journeyman
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "journeyman.selector" -}}
app.kubernetes.io/name: journeyman
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .zone }}
{{- end }}

{{- define "journeyman.image" -}}
{{- $registry := .root.Values.image.registry -}}
{{- if $registry }}{{ $registry }}/{{ end }}journeyman-{{ .image }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "journeyman.secretName" -}}
{{- $given := index .root.Values.secrets .name -}}
{{- if $given.existing }}{{ $given.existing }}{{ else }}{{ .root.Release.Name }}-{{ .name }}{{ end }}
{{- end }}

{{- define "journeyman.hasSecret" -}}
{{- $given := index .root.Values.secrets .name -}}
{{- if or $given.existing $given.values }}yes{{ end }}
{{- end }}

{{/* One variable out of the shared connections: beat is given the one that it needs, and no other. */}}
{{- define "journeyman.connection" -}}
- name: {{ .variable }}
  valueFrom:
    secretKeyRef:
      name: {{ include "journeyman.secretName" (dict "root" .root "name" "connections") }}
      key: {{ .variable }}
{{- end }}

{{- define "journeyman.container" -}}
{{- $root := .root -}}
- name: {{ .zone }}
  image: {{ include "journeyman.image" (dict "root" $root "image" .image) | quote }}
  imagePullPolicy: {{ $root.Values.image.pullPolicy }}
  args: {{ toJson .args }}
  env:
    {{- include "journeyman.connection" (dict "root" $root "variable" "JOURNEYMAN_REDIS_URL") | nindent 4 }}
    {{- if .database }}
    {{- include "journeyman.connection" (dict "root" $root "variable" "JOURNEYMAN_DATABASE_URL") | nindent 4 }}
    {{- end }}
    - {name: JOURNEYMAN_DATA_DIR, value: /var/lib/journeyman}
    {{- if .key }}
    - {name: JOURNEYMAN_KEYS_DIR, value: /etc/journeyman/keys}
    {{- end }}
    {{- range $name, $value := $root.Values.settings }}
    - {name: JOURNEYMAN_{{ $name }}, value: {{ $value | toString | quote }}}
    {{- end }}
  {{- if and .secret (include "journeyman.hasSecret" (dict "root" $root "name" .secret)) }}
  envFrom:
    - secretRef: {name: {{ include "journeyman.secretName" (dict "root" $root "name" .secret) }}}
  {{- end }}
  resources: {{ toJson .resources }}
  securityContext:
    allowPrivilegeEscalation: false
    capabilities: {drop: [ALL]}
    readOnlyRootFilesystem: true
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    seccompProfile: {{ toJson (.seccompProfile | default (dict "type" "RuntimeDefault")) }}
    {{- if .procMount }}
    procMount: {{ .procMount }}
    {{- end }}
  volumeMounts:
    - {name: tmp, mountPath: /tmp}
    - {name: state, mountPath: /var/lib/journeyman}
    {{- if .key }}
    - {name: keys, mountPath: /etc/journeyman/keys, readOnly: true}
    {{- end }}
  {{- if .port }}
  ports:
    - {name: http, containerPort: {{ .port }}}
  startupProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 2, failureThreshold: 30}
  livenessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 10, timeoutSeconds: 3}
  readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 5, timeoutSeconds: 9}
  {{- end }}
{{- end }}

{{- define "journeyman.pod" -}}
{{- $root := .root -}}
automountServiceAccountToken: false
enableServiceLinks: false
serviceAccountName: {{ $root.Release.Name }}-{{ .zone }}
terminationGracePeriodSeconds: 30
{{- if hasKey . "hostUsers" }}
hostUsers: {{ .hostUsers }}
{{- end }}
securityContext: {fsGroup: 10001, fsGroupChangePolicy: OnRootMismatch}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- with $root.Values.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with $root.Values.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
containers:
  {{- include "journeyman.container" . | nindent 2 }}
volumes:
  - {name: tmp, emptyDir: {}}
  - {name: state, emptyDir: {}}
  {{- if .key }}
  - name: keys
    projected:
      defaultMode: 0440
      sources:
        - secret: {name: {{ index $root.Values.keys .zone }}, items: [{key: {{ .key }}, path: {{ .key }}}]}
        - configMap: {name: {{ $root.Values.keys.public }}}
  {{- end }}
{{- end }}
