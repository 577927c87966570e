{{- define "tollkeeper.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "tollkeeper.labels" -}}
app.kubernetes.io/name: tollkeeper
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "tollkeeper.config" -}}
{{ if kindIs "string" .Values.config }}{{ .Values.config }}{{ else }}{{ toYaml .Values.config }}{{ end }}
{{- end -}}

{{- define "tollkeeper.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* What every container has: where it gets its variables, its files and few rights. */}}
{{- define "tollkeeper.container" -}}
image: {{ include "tollkeeper.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
envFrom:
  - secretRef:
      name: {{ required "existingSecret: name a Secret with DATABASE_URL, REDIS_URL, LITELLM_MASTER_KEY, TOLLKEEPER_SECRET_KEY and TOLLKEEPER_ENCRYPTION_KEYS" .Values.existingSecret }}
env:
  - {name: TOLLKEEPER_DATA, value: /var/lib/tollkeeper}
  - {name: JSON_LOGS, value: "true"}
  {{- range $name, $value := .Values.environment }}
  - {name: {{ $name }}, value: {{ $value | toString | quote }}}
  {{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: data, mountPath: /var/lib/tollkeeper}
  - {name: tmp, mountPath: /tmp}
  - {name: config, mountPath: /etc/tollkeeper, readOnly: true}
{{- end -}}

{{- define "tollkeeper.pod" -}}
automountServiceAccountToken: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "tollkeeper.volumes" -}}
- name: tmp
  emptyDir: {}
- name: config
  configMap: {name: {{ include "tollkeeper.name" . }}}
{{- end -}}

{{/* A role with a folder of its own that outlives its pods. Takes a list: the root, and the role's name. */}}
{{- define "tollkeeper.stateful" -}}
{{- $root := index . 0 -}}
{{- $role := index . 1 -}}
{{- $values := index $root.Values $role -}}
{{- $name := printf "%s-%s" (include "tollkeeper.name" $root) $role -}}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ $name }}
  labels: {{- include "tollkeeper.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ $role }}
spec:
  {{- if not (and (hasKey $values "autoscaling") (dig "autoscaling" "enabled" false $values)) }}
  replicas: {{ $values.replicas }}
  {{- end }}
  serviceName: {{ include "tollkeeper.name" $root }}
  podManagementPolicy: Parallel
  selector:
    matchLabels:
      app.kubernetes.io/name: tollkeeper
      app.kubernetes.io/instance: {{ $root.Release.Name }}
      app.kubernetes.io/component: {{ $role }}
  template:
    metadata:
      labels: {{- include "tollkeeper.labels" $root | nindent 8 }}
        app.kubernetes.io/component: {{ $role }}
      annotations:
        checksum/config: {{ include "tollkeeper.config" $root | sha256sum }}
        {{- with $values.annotations }}{{ toYaml . | nindent 8 }}{{ end }}
    spec:
      {{- include "tollkeeper.pod" $root | nindent 6 }}
      terminationGracePeriodSeconds: 90
      initContainers:
        # The Job of this release brings the database up to this version; who needs it waits.
        - name: wait-for-migrations
          {{- include "tollkeeper.container" $root | nindent 10 }}
          command: [sh, -c, "until tollkeeper manage migrate --check; do sleep 2; done"]
      containers:
        - name: {{ $role }}
          {{- include "tollkeeper.container" $root | nindent 10 }}
          resources: {{- toYaml $values.resources | nindent 12 }}
          {{- if eq $role "web" }}
          args: [up, --web-only, --host, "0.0.0.0", --port, "4000", --num_workers, {{ $values.workers | toString | quote }}, --config, /etc/tollkeeper/config.yaml]
          ports:
            - {name: http, containerPort: 4000}
          startupProbe:
            httpGet: {path: /health/liveliness, port: http}
            periodSeconds: 2
            failureThreshold: 60
          livenessProbe:
            httpGet: {path: /health/liveliness, port: http}
            periodSeconds: 15
            timeoutSeconds: 5
          readinessProbe:
            httpGet: {path: /health/readiness, port: http}
            periodSeconds: 5
            timeoutSeconds: 5
          lifecycle:
            # Load balancers hear late of a pod that goes.
            preStop:
              exec: {command: [sleep, "5"]}
          {{- else }}
          args: [{{ $role }}, --config, /etc/tollkeeper/config.yaml]
          # It touches this file every five seconds.
          livenessProbe:
            exec: {command: [sh, -c, "find /tmp/tollkeeper-{{ $role }}.alive -mmin -1 | grep -q ."]}
            initialDelaySeconds: 60
            periodSeconds: 30
            timeoutSeconds: 5
          {{- end }}
      volumes: {{- include "tollkeeper.volumes" $root | nindent 8 }}
      {{- range $what := list "nodeSelector" "tolerations" "affinity" }}
      {{- with index $values $what }}
      {{ $what }}: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- end }}
  volumeClaimTemplates:
    - metadata: {name: data}
      spec:
        accessModes: [ReadWriteOnce]
        {{- with $values.storage.className }}
        storageClassName: {{ . }}
        {{- end }}
        resources: {requests: {storage: {{ $values.storage.size }}}}
{{- end -}}
