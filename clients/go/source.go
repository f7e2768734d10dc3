package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"

	spladev1 "splade-client/gen/splade/v1"

	"google.golang.org/protobuf/types/known/structpb"
)

// A Source reads documents from a file of JSON lines: `id`, `text`, and all other fields as payload.
type Source struct {
	file *os.File
	read *bufio.Reader
	line int
}

// OpenSource opens a file.
func OpenSource(path string) (*Source, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return &Source{file: file, read: bufio.NewReaderSize(file, 1<<16)}, nil
}

// Close closes the file.
func (s *Source) Close() error { return s.file.Close() }

// A BadLine is a line that is no document. The next one may be.
type BadLine struct{ reason error }

func (b BadLine) Error() string { return b.reason.Error() }

// Next gives the next document and the number of its line; io.EOF after the last one.
func (s *Source) Next() (int, *spladev1.Document, error) {
	for {
		line, err := s.read.ReadBytes('\n')
		if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0) {
			return s.line, nil, err
		}
		s.line++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		document, err := parse(line)
		if err != nil {
			return s.line, nil, BadLine{err}
		}
		return s.line, document, nil
	}
}

func parse(line []byte) (*spladev1.Document, error) {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(line, &fields); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	document := &spladev1.Document{}
	if text, ok := fields["text"]; !ok {
		return nil, errors.New("it has no field `text`")
	} else if err := json.Unmarshal(text, &document.Text); err != nil {
		return nil, errors.New("`text` is not a string")
	}
	if id, ok := fields["id"]; ok {
		if document.Id = parseID(id); document.Id == nil {
			return nil, errors.New("`id` is neither a whole number nor a string")
		}
	}
	delete(fields, "id")
	delete(fields, "text")
	payload, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	document.Payload = &structpb.Struct{}
	return document, document.Payload.UnmarshalJSON(payload)
}

var isUUID = regexp.MustCompile(`(?i)^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$`)

// parseID takes the number as it is written: a float64 would lose digits of ids beyond 2^53.
func parseID(raw json.RawMessage) *spladev1.DocumentId {
	if num, err := strconv.ParseUint(string(raw), 10, 64); err == nil {
		return &spladev1.DocumentId{Kind: &spladev1.DocumentId_Num{Num: num}}
	}
	var name string
	if json.Unmarshal(raw, &name) != nil || string(raw) == "null" {
		return nil
	}
	if isUUID.MatchString(name) {
		return &spladev1.DocumentId{Kind: &spladev1.DocumentId_Uuid{Uuid: name}}
	}
	return &spladev1.DocumentId{Kind: &spladev1.DocumentId_Key{Key: name}}
}

// FormatID writes an id for people.
func FormatID(id *spladev1.DocumentId) string {
	switch kind := id.GetKind().(type) {
	case *spladev1.DocumentId_Num:
		return strconv.FormatUint(kind.Num, 10)
	case *spladev1.DocumentId_Uuid:
		return kind.Uuid
	default:
		return id.GetKey()
	}
}
