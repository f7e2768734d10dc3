// Checks what a cluster or a laptop would be given, by the libraries of those who would take it.
//
//	deploycheck restricted < manifests.yaml    the Pod Security Standard "restricted", as the API server judges it
//	deploycheck monitors < manifests.yaml      ServiceMonitors, strictly, as the Prometheus operator reads them
//	deploycheck compose FILE                   a compose file, as Docker Compose loads it
//
// It says on standard output how many objects it judged, and on standard error what is wrong with which.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/pod-security-admission/admission"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	sigsyaml "sigs.k8s.io/yaml"
)

// Judges one object. False means that it is of no kind that it judges.
type judge func(kind string, document []byte) (bool, error)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	switch {
	case len(arguments) == 1 && arguments[0] == "restricted":
		return each(os.Stdin, restricted)
	case len(arguments) == 1 && arguments[0] == "monitors":
		return each(os.Stdin, monitor)
	case len(arguments) == 2 && arguments[0] == "compose":
		return compose(arguments[1])
	}
	return errors.New("usage: deploycheck restricted|monitors < manifests.yaml, deploycheck compose FILE")
}

func each(input io.Reader, judge judge) error {
	reader := yaml.NewYAMLReader(bufio.NewReader(input))
	judged := 0
	var faults []error
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		var object struct {
			Kind     string
			Metadata struct{ Name string }
		}
		if err := sigsyaml.Unmarshal(document, &object); err != nil {
			return err
		}
		known, err := judge(object.Kind, document)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s %s: %w", object.Kind, object.Metadata.Name, err))
		}
		if known {
			judged++
		}
	}
	fmt.Println(judged)
	return errors.Join(faults...)
}

// What the newest version of the profile says about an object that makes pods.
func restricted(kind string, document []byte) (bool, error) {
	if kind == "ServiceMonitor" {
		return false, nil
	}
	object, _, err := scheme.Codecs.UniversalDeserializer().Decode(document, nil, nil)
	if err != nil {
		return false, err
	}
	extractor := admission.DefaultPodSpecExtractor{}
	metadata, spec, err := extractor.ExtractPodSpec(object)
	if err != nil || spec == nil {
		return false, nil // an object without pods
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return true, err
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, metadata, spec))
	if !result.Allowed {
		return true, errors.New(result.ForbiddenDetail())
	}
	return true, nil
}

func monitor(kind string, document []byte) (bool, error) {
	if kind != "ServiceMonitor" {
		return false, nil
	}
	return true, sigsyaml.UnmarshalStrict(document, &monitoring.ServiceMonitor{})
}

// Interpolation, schema and consistency, with no variables set.
func compose(file string) error {
	options, err := cli.NewProjectOptions([]string{file})
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	fmt.Println(len(project.Services))
	return nil
}
