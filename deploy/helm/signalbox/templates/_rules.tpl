{{/* Pools, and what names them. */}}
{{- define "signalbox.poolRules" -}}
- apiGroups: [inference.networking.k8s.io]
  resources: [inferencepools]
  verbs: [get, list, watch]
- apiGroups: [inference.networking.x-k8s.io]
  resources: [inferencepools, inferencemodels, inferenceobjectives, inferencemodelrewrites]
  verbs: [get, list, watch]
- apiGroups: [llm-d.ai]
  resources: [inferenceobjectives, inferencemodelrewrites]
  verbs: [get, list, watch]
{{- end -}}

{{/* All that requests are routed by. */}}
{{- define "signalbox.routingRules" -}}
{{ include "signalbox.poolRules" . }}
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch]
- apiGroups: [""]
  # Of ConfigMaps only those with a label are read: they name the adapters of a base model.
  resources: [pods, configmaps]
  verbs: [get, list, watch]
{{- end -}}

{{/* The right to ask whose a token is and what they may do: for the bearer tokens of those who read metrics. Takes root and component. */}}
{{- define "signalbox.metricsAuthRole" -}}
{{- if .root.Values.metrics.auth -}}
{{- $rules := `
- apiGroups: [authentication.k8s.io]
  resources: [tokenreviews]
  verbs: [create]
- apiGroups: [authorization.k8s.io]
  resources: [subjectaccessreviews]
  verbs: [create]` -}}
{{- if eq .component "controller" -}}
{{- $rules = printf `%s
# It judges rollouts by the metrics of serve.
- nonResourceURLs: [/metrics]
  verbs: [get]` $rules -}}
{{- end }}
---
{{ include "signalbox.role" (dict "root" .root "component" .component "part" "metrics-auth" "clusterWide" true "rules" (trim $rules)) }}
{{- end -}}
{{- end -}}

{{/*
A role and its binding: in the one namespace that the component watches, else in the cluster. Takes a dict: root, component,
rules, and where wanted `part`, a suffix of the name, and `clusterWide`.
*/}}
{{- define "signalbox.role" -}}
{{- $names := list .root .component -}}
{{- $name := include "signalbox.clusterName" $names -}}
{{- if .part -}}{{- $name = printf "%s-%s" $name .part -}}{{- end -}}
{{- $namespace := ternary "" (include "signalbox.watchNamespace" $names) (.clusterWide | default false) -}}
{{- $kind := ternary "Role" "ClusterRole" (ne $namespace "") -}}
{{ include "signalbox.boundRole" (dict "names" $names "kind" $kind "name" $name "namespace" $namespace "rules" .rules) }}
{{- end -}}

{{/* A role for a lease, and its binding. Takes a dict: root, component, namespace and lease (names). */}}
{{- define "signalbox.leaseRole" -}}
{{- $names := list .root .component -}}
{{- $name := printf "%s-lease" (include "signalbox.clusterName" $names) -}}
{{- $rules := include "signalbox.leaseRules" . -}}
{{ include "signalbox.boundRole" (dict "names" $names "kind" "Role" "name" $name "namespace" .namespace "rules" $rules) }}
{{- end -}}

{{- define "signalbox.leaseRules" -}}
# A right to create can't be given for one name.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ .lease }}]
  verbs: [get, update]
{{- end -}}

{{/* Takes a dict: names (root and component), kind, name, namespace, rules. */}}
{{- define "signalbox.boundRole" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}
metadata:
  {{- include "signalbox.roleMetadata" . | nindent 2 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}Binding
metadata:
  {{- include "signalbox.roleMetadata" . | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "signalbox.name" .names }}
    namespace: {{ (index .names 0).Release.Namespace }}
{{- end -}}

{{- define "signalbox.roleMetadata" -}}
name: {{ .name }}
{{- with .namespace }}
namespace: {{ . }}
{{- end }}
labels:
  {{- include "signalbox.labels" .names | nindent 2 }}
{{- end -}}
