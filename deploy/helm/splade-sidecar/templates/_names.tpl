{{- define "splade-sidecar.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end -}}
{{- end }}

{{/* What selects pods: the release's name, so that two releases in one namespace stay apart. */}}
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
