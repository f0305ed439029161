{{/* Takes (root, component). */}}
{{- define "signalbox.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "signalbox.metadata" . | nindent 2 }}
# The pods ask for their token themselves.
automountServiceAccountToken: false
{{- end -}}

{{/* Takes a dict: root, component, values. */}}
{{- define "signalbox.podDisruptionBudget" -}}
{{- $names := list .root .component -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "signalbox.metadata" $names | nindent 2 }}
spec:
  maxUnavailable: {{ .values.podDisruptionBudget.maxUnavailable }}
  selector:
    matchLabels:
      {{- include "signalbox.selectorLabels" $names | nindent 6 }}
{{- end -}}

{{/* The ServicePort of ext_proc. */}}
{{- define "signalbox.extProcPort" -}}
- name: ext-proc
  port: 9002
  targetPort: ext-proc
  {{- if eq .Values.serve.transport "plaintext" }}
  # Without it gateways speak HTTP/1 to a port without TLS.
  appProtocol: kubernetes.io/h2c
  {{- end }}
{{- end -}}

{{/* The ConfigMap with the EndpointPickerConfig, mounted as /etc/signalbox: nothing when the default holds. */}}
{{- define "signalbox.configMapName" -}}
{{- if .Values.serve.endpointPickerConfig -}}
{{- include "signalbox.fullname" . -}}
{{- end -}}
{{- end -}}
