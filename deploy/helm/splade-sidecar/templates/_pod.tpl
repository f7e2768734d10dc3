{{/*
The server, as the kustomize component `container` has it; the reasons are told there. A chart that has this one as a
dependency puts it beside its own containers:

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
  grpc:
    port: 50051
    service: splade.v1.EncoderService
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 300
readinessProbe:
  grpc:
    port: 50051
  periodSeconds: 5
  timeoutSeconds: 2
livenessProbe:
  grpc:
    port: 50051
    service: splade.v1.EncoderService
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 3
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- include "splade-sidecar.securityContext" . | nindent 2 }}
volumeMounts:
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

{{/* What the Pod Security Standard `restricted` asks for, and a root that can't be written to. */}}
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

{{/* The pod around it: volumes belong to the group that all of its containers are in. */}}
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
