{{/*
The server container: the same as the kustomize component `container`, whose comments explain the settings. A chart that
depends on this one can add it to its own pods:

  {{- $splade := index .Subcharts "splade-sidecar" }}
  spec:
    {{- include "splade-sidecar.pod" $splade | nindent 6 }}
    initContainers:
      - restartPolicy: Always
        {{- include "splade-sidecar.container" $splade | nindent 10 }}
    volumes:
      {{- include "splade-sidecar.volumes" $splade | nindent 8 }}
*/}}
{{- define "splade-sidecar.container" -}}
{{- $tls := and (eq .Values.mode "service") .Values.service.tlsSecretName -}}
name: splade-sidecar
image: {{ include "splade-sidecar.image" . }}
{{- with .Values.image.pullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
args: [serve]
envFrom:
  - configMapRef:
      name: {{ include "splade-sidecar.name" . }}
env:
  {{- if $tls }}
  - name: SPLADE_TLS_CERT
    value: /etc/splade-sidecar/tls/tls.crt
  - name: SPLADE_TLS_KEY
    value: /etc/splade-sidecar/tls/tls.key
  - name: SPLADE_SERVER
    value: https://localhost:50051
  - name: SPLADE_CLIENT_CA
    value: /etc/splade-sidecar/tls/ca.crt
  {{- end }}
  {{- if ne .Values.mode "service" }}
  - name: SPLADE_UNIX_SOCKET
    value: /run/splade-sidecar/grpc.sock
  - name: SPLADE_UNIX_SOCKET_MODE
    value: "0660"
  {{- end }}
  - name: SPLADE_THREADS
    valueFrom:
      resourceFieldRef:
        resource: requests.cpu
ports:
  - name: grpc
    containerPort: 50051
  - name: metrics
    containerPort: 9464
startupProbe:
  {{- include "splade-sidecar.probe" (dict "tls" $tls "service" "splade_sidecar.v1.EncoderService") | nindent 2 }}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 300
readinessProbe:
  {{- include "splade-sidecar.probe" (dict "tls" $tls) | nindent 2 }}
  periodSeconds: 5
  timeoutSeconds: 2
livenessProbe:
  {{- include "splade-sidecar.probe" (dict "tls" $tls "service" "splade_sidecar.v1.EncoderService") | nindent 2 }}
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 3
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- include "splade-sidecar.securityContext" . | nindent 2 }}
volumeMounts:
  {{- if $tls }}
  - name: splade-tls
    mountPath: /etc/splade-sidecar/tls
    readOnly: true
  {{- end }}
  {{- if ne .Values.mode "service" }}
  - name: splade-socket
    mountPath: /run/splade-sidecar
  {{- end }}
  - name: splade-models
    mountPath: /models
  - name: splade-secrets
    mountPath: /etc/splade-sidecar/secrets
    readOnly: true
{{- end }}

{{/* A gRPC probe, or an exec probe if TLS is enabled: Kubernetes' gRPC probes support only plaintext. */}}
{{- define "splade-sidecar.probe" -}}
{{- if .tls -}}
exec:
  command: [/usr/local/bin/splade-sidecar, health{{ with .service }}, --service, {{ . }}{{ end }}]
{{- else -}}
grpc:
  port: 50051
  {{- with .service }}
  service: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* The requirements of the Pod Security Standard `restricted`, and a read-only root filesystem. */}}
{{- define "splade-sidecar.securityContext" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
runAsGroup: 65532
runAsNonRoot: true
runAsUser: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Pod-level settings. fsGroup: all containers of the pod can read and write the volumes. */}}
{{- define "splade-sidecar.pod" -}}
automountServiceAccountToken: false
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
securityContext:
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "splade-sidecar.volumes" -}}
{{- if and (eq .Values.mode "service") .Values.service.tlsSecretName }}
- name: splade-tls
  secret:
    secretName: {{ .Values.service.tlsSecretName }}
    defaultMode: 288
{{- end }}
{{- if ne .Values.mode "service" }}
- name: splade-socket
  emptyDir:
    medium: Memory
    sizeLimit: 1Mi
{{- end }}
- name: splade-models
  {{- if and (eq .Values.mode "service") .Values.service.models.shared }}
  persistentVolumeClaim:
    claimName: {{ include "splade-sidecar.name" . }}-models
  {{- else }}
  emptyDir:
    sizeLimit: {{ .Values.service.models.size }}
  {{- end }}
- name: splade-secrets
  secret:
    secretName: {{ .Values.secretName }}
    defaultMode: 288
{{- end }}
