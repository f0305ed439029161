{{/*
The Deployment of a component. Takes a dict: root, component, values (the component's part of the values), args, ports (name →
number, beside health and metrics), drainSeconds, configMap (with the EndpointPickerConfig) and tlsSecret, names or nothing,
metricsToken (whether it asks for the metrics of other pods).
*/}}
{{- define "signalbox.deployment" -}}
{{- $root := .root -}}
{{- $pods := .root.Values.pods -}}
{{- $names := list .root .component -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "signalbox.metadata" $names | nindent 2 }}
spec:
  {{- if not (dig "autoscaling" "enabled" false .values) }}
  replicas: {{ .values.replicas }}
  {{- end }}
  strategy:
    {{- if dig "leaderElection" false .values }}
    # A new pod is ready when it has the lease, which the old ones keep.
    type: Recreate
    {{- else }}
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
    {{- end }}
  selector:
    matchLabels:
      {{- include "signalbox.selectorLabels" $names | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "signalbox.labels" $names | nindent 8 }}
      {{- if or $pods.annotations .configMap }}
      annotations:
        {{- with $pods.annotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- if .configMap }}
        # It is read at start: pods are replaced when it changes.
        signalbox.dev/configuration: {{ toJson $root.Values.serve.endpointPickerConfig | sha256sum }}
        {{- end }}
      {{- end }}
    spec:
      serviceAccountName: {{ include "signalbox.name" $names }}
      automountServiceAccountToken: true
      {{- with $root.Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $pods.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      # Above what the program takes to drain.
      terminationGracePeriodSeconds: {{ add .drainSeconds 15 }}
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        seccompProfile:
          type: RuntimeDefault
      topologySpreadConstraints:
        {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
        - topologyKey: {{ . }}
          maxSkew: 1
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "signalbox.selectorLabels" $names | nindent 14 }}
          matchLabelKeys: [pod-template-hash]
        {{- end }}
      {{- with $pods.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $pods.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $pods.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .component }}
          image: {{ include "signalbox.image" $root }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args:
            {{- range .args }}
            - {{ . | quote }}
            {{- end }}
            {{- with $root.Values.logVerbosity }}
            - --v={{ . }}
            {{- end }}
            {{- if not $root.Values.metrics.auth }}
            - --metrics-endpoint-auth=false
            {{- end }}
            {{- range .values.extraArgs }}
            - {{ . | quote }}
            {{- end }}
          env:
            - name: NAMESPACE
              valueFrom:
                fieldRef:
                  fieldPath: metadata.namespace
            - name: POD_NAME
              valueFrom:
                fieldRef:
                  fieldPath: metadata.name
            {{- with .values.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          ports:
            {{- range $name, $port := .ports }}
            - name: {{ $name }}
              containerPort: {{ $port }}
            {{- end }}
            - name: grpc-health
              containerPort: 9003
            - name: metrics
              containerPort: 9090
          startupProbe:
            grpc:
              port: 9003
              service: liveness
            periodSeconds: 1
            failureThreshold: 60
          readinessProbe:
            grpc:
              port: 9003
              service: readiness
            periodSeconds: 2
          livenessProbe:
            grpc:
              port: 9003
              service: liveness
            periodSeconds: 10
            timeoutSeconds: 5
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
          {{- with .values.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- if or .configMap .tlsSecret .metricsToken }}
          volumeMounts:
            {{- if .configMap }}
            - name: configuration
              mountPath: /etc/signalbox
              readOnly: true
            {{- end }}
            {{- if .tlsSecret }}
            - name: tls
              mountPath: /etc/signalbox-tls
              readOnly: true
            {{- end }}
            {{- if .metricsToken }}
            - name: metrics-token
              mountPath: /var/run/secrets/signalbox
              readOnly: true
            {{- end }}
      volumes:
        {{- if .configMap }}
        - name: configuration
          configMap:
            name: {{ .configMap }}
        {{- end }}
        {{- if .tlsSecret }}
        - name: tls
          secret:
            secretName: {{ .tlsSecret }}
        {{- end }}
        {{- if .metricsToken }}
        # Shown to other pods, so of no use before the API server.
        - name: metrics-token
          projected:
            sources:
              - serviceAccountToken:
                  audience: signalbox-metrics
                  expirationSeconds: 3600
                  path: metrics-token
        {{- end }}
          {{- end }}
{{- end -}}

{{- define "signalbox.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest | quote -}}
{{- else -}}
{{- printf "%s:%s" $image.repository ($image.tag | default .Chart.AppVersion) | quote -}}
{{- end -}}
{{- end -}}
