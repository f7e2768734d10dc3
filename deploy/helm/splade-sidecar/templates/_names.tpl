{{- define "splade-sidecar.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end -}}
{{- end }}

{{/* Pod selector. Contains the release name, so that two releases in a namespace do not select each other's pods. */}}
{{- define "splade-sidecar.selector" -}}
app.kubernetes.io/name: {{ include "splade-sidecar.name" . }}
{{- end }}

{{- define "splade-sidecar.labels" -}}
{{ include "splade-sidecar.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "splade-sidecar.image" -}}
{{ .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end }}
