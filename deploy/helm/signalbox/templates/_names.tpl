{{/* The prefix of all names: the release's name, with the chart's in it. */}}
{{- define "signalbox.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* A component's name. `serve` bears the plain one: it is the Service that others name. Takes (root, component). */}}
{{- define "signalbox.name" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- include "signalbox.fullname" $root -}}
{{- if ne $component "serve" -}}-{{ $component }}{{- end -}}
{{- end -}}

{{/* Cluster-wide objects need a name that differs between namespaces. Takes (root, component). */}}
{{- define "signalbox.clusterName" -}}
{{- (index . 0).Release.Namespace }}-{{ include "signalbox.fullname" (index . 0) }}-{{ index . 1 -}}
{{- end -}}

{{/* What a component's pods are found by. It can't change in an upgrade. Takes (root, component). */}}
{{- define "signalbox.selectorLabels" -}}
app.kubernetes.io/name: {{ (index . 0).Chart.Name }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Takes (root, component). */}}
{{- define "signalbox.labels" -}}
{{- $root := index . 0 -}}
{{ include "signalbox.selectorLabels" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version }}
{{- end -}}

{{/* Takes (root, component). */}}
{{- define "signalbox.metadata" -}}
name: {{ include "signalbox.name" . }}
namespace: {{ (index . 0).Release.Namespace }}
labels:
  {{- include "signalbox.labels" . | nindent 2 }}
{{- end -}}

{{- define "signalbox.poolNamespace" -}}
{{- .Values.serve.poolNamespace | default .Release.Namespace -}}
{{- end -}}

{{/* The one namespace that a component reads, or nothing for all. Takes (root, component). */}}
{{- define "signalbox.watchNamespace" -}}
{{- $root := index . 0 -}}
{{- if and (eq (index . 1) "serve") $root.Values.serve.poolName -}}
{{- include "signalbox.poolNamespace" $root -}}
{{- else -}}
{{- $root.Values.watchNamespace -}}
{{- end -}}
{{- end -}}
