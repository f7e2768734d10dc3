// Command deploycheck validates manifests and Compose files with the libraries of the programs that read them.
//
//	deploycheck restricted < manifests.yaml    checks the Pod Security Standard "restricted", as the API server does
//	deploycheck monitors < manifests.yaml      parses ServiceMonitors strictly, with the types of the Prometheus operator
//	deploycheck compose FILE                   loads a Compose file, as Docker Compose does
//
// It prints the number of checked objects to standard output, and the violations of each object to standard error.
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

// A check validates one object. It returns false if it does not apply to the kind of object.
type check func(kind string, document []byte) (bool, error)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	switch {
	case len(arguments) == 1 && arguments[0] == "restricted":
		return checkEach(os.Stdin, checkRestricted)
	case len(arguments) == 1 && arguments[0] == "monitors":
		return checkEach(os.Stdin, checkMonitor)
	case len(arguments) == 2 && arguments[0] == "compose":
		return checkCompose(arguments[1])
	}
	return errors.New("usage: deploycheck restricted|monitors < manifests.yaml, deploycheck compose FILE")
}

// checkEach applies a check to each document of a YAML stream, and prints the number of objects to which it applied.
func checkEach(input io.Reader, check check) error {
	reader := yaml.NewYAMLReader(bufio.NewReader(input))
	checked := 0
	var violations []error
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
		applies, err := check(object.Kind, document)
		if err != nil {
			violations = append(violations, fmt.Errorf("%s %s: %w", object.Kind, object.Metadata.Name, err))
		}
		if applies {
			checked++
		}
	}
	fmt.Println(checked)
	return errors.Join(violations...)
}

// checkRestricted checks an object with a pod template against the latest version of the profile "restricted".
func checkRestricted(kind string, document []byte) (bool, error) {
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

// checkMonitor parses a ServiceMonitor and refuses unknown fields.
func checkMonitor(kind string, document []byte) (bool, error) {
	if kind != "ServiceMonitor" {
		return false, nil
	}
	return true, sigsyaml.UnmarshalStrict(document, &monitoring.ServiceMonitor{})
}

// checkCompose checks interpolation, schema and consistency of a Compose file, with no variables set.
func checkCompose(file string) error {
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
