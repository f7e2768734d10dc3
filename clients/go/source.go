package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"unicode/utf8"

	spladesidecarv1 "splade-client/gen/splade_sidecar/v1"

	"google.golang.org/protobuf/proto"
)

// Maximum size of a document and of its line, so that a request stays below the server's 32 MiB (--max-message-bytes).
const maxDocumentBytes = 30 << 20

// A Source reads documents from a JSONL file: `id`, `text`, and all other fields as payload.
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

// A BadLine is the error of a line that is not a valid document. The source continues with the next line.
type BadLine struct {
	Field  string // empty if no single field is invalid
	Reason string
}

// Error formats the error like a rejection by the server.
func (b BadLine) Error() string { return formatRejection("MALFORMED_DOCUMENT", b.Field, b.Reason) }

func formatRejection(reason, field, message string) string {
	if field == "" {
		return fmt.Sprintf("%s: %s", reason, message)
	}
	return fmt.Sprintf("%s %s: %s", reason, field, message)
}

// Next returns the next document and its line number; io.EOF after the last one.
func (s *Source) Next() (int, *spladesidecarv1.Document, error) {
	for {
		line, err := s.readLine()
		if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0) {
			return s.line, nil, err
		}
		s.line++
		if s.line == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if len(line) > maxDocumentBytes {
			return s.line, nil, BadLine{Reason: fmt.Sprintf("the line has more than %d bytes", maxDocumentBytes)}
		}
		if line = bytes.Trim(line, " \t\r\n"); len(line) == 0 {
			continue
		}
		document, err := parse(line)
		return s.line, document, err
	}
}

// readLine reads a line. Discards the end of a line that is too long.
func (s *Source) readLine() (line []byte, err error) {
	for {
		part, err := s.read.ReadSlice('\n')
		if len(line) <= maxDocumentBytes {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

func parse(line []byte) (*spladesidecarv1.Document, error) {
	// encoding/json would replace invalid UTF-8 and lone surrogates with U+FFFD.
	if !utf8.Valid(line) {
		return nil, BadLine{"", "the line is not valid UTF-8"}
	}
	if hasLoneSurrogate(line) {
		return nil, BadLine{"", `a string has a lone surrogate (\ud800 to \udfff); remove it or write the whole pair`}
	}
	fields, err := members(line)
	if err != nil {
		return nil, err
	}
	document := &spladesidecarv1.Document{}
	if json.Unmarshal(fields["text"], &document.Text) != nil || isNull(fields["text"]) {
		return nil, BadLine{"text", "required; must be a string"}
	}
	if document.Id, err = parseID(fields["id"]); err != nil {
		return nil, err
	}
	delete(fields, "id")
	delete(fields, "text")
	// The values are sent verbatim: a float64 would round integers beyond 2^53.
	payload, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	document.PayloadJson = string(payload)
	if size := proto.Size(document); size > maxDocumentBytes {
		return nil, BadLine{"", fmt.Sprintf("the document has %d bytes; the maximum is %d", size, maxDocumentBytes)}
	}
	return document, nil
}

var stringEscape = regexp.MustCompile(`\\(u[dD][89abAB]..\\u[dD][c-fC-F]|u[dD][89a-fA-F]|.)`)

// hasLoneSurrogate reports whether a line has one half of a surrogate pair such as \ud83d\ude00 without the other half.
func hasLoneSurrogate(line []byte) bool {
	for _, escape := range stringEscape.FindAll(line, -1) {
		if len(escape) == len(`\ud8`) {
			return true
		}
	}
	return false
}

// members returns the values of a JSON object verbatim. Duplicate keys are an error.
func members(object []byte) (map[string]json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(object, &fields); err != nil {
		return nil, BadLine{"", fmt.Sprintf("not a JSON object: %v", err)}
	}
	// Detects duplicate keys, of which a map keeps the last value. Errors are ignored, since the object is valid JSON.
	decoder := json.NewDecoder(bytes.NewReader(object))
	_, _ = decoder.Token()
	for seen := map[json.Token]bool{}; decoder.More(); {
		key, _ := decoder.Token()
		if seen[key] {
			return nil, BadLine{key.(string), "duplicate key; remove one"}
		}
		seen[key] = true
		_ = decoder.Decode(&json.RawMessage{})
	}
	return fields, nil
}

func isNull(value json.RawMessage) bool { return string(value) == "null" }

var (
	isUUID   = regexp.MustCompile(`(?i)^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$`)
	isDigits = regexp.MustCompile(`^[0-9]+$`)
)

const badID = "must be an integer from 0 to 2^64-1, a string, or one of {\"num\": ...}, {\"uuid\": ...}, {\"key\": ...}"

// parseID returns the id of a document; nil if the line has none, in which case the server makes one.
func parseID(value json.RawMessage) (*spladesidecarv1.DocumentId, error) {
	if value == nil || isNull(value) {
		return nil, nil
	}
	id := &spladesidecarv1.DocumentId{}
	var name string
	if value[0] == '{' {
		return id, parseExplicitID(value, id)
	} else if json.Unmarshal(value, &name) != nil {
		num, ok := parseNum(string(value))
		if !ok {
			return nil, BadLine{"id", badID}
		}
		id.Kind = &spladesidecarv1.DocumentId_Num{Num: num}
	} else if isUUID.MatchString(name) {
		id.Kind = &spladesidecarv1.DocumentId_Uuid{Uuid: name}
	} else {
		id.Kind = &spladesidecarv1.DocumentId_Key{Key: name}
	}
	return id, nil
}

// parseExplicitID parses an id in the form of a DocumentId, such as {"key": "7"}.
func parseExplicitID(value json.RawMessage, id *spladesidecarv1.DocumentId) error {
	fields, err := members(value)
	if err != nil || len(fields) != 1 {
		return BadLine{"id", badID}
	}
	for kind, value := range fields {
		var name string
		isString := json.Unmarshal(value, &name) == nil && !isNull(value)
		switch {
		case kind == "num" && (!isString || isDigits.MatchString(name)):
			if !isString {
				name = string(value)
			}
			num, ok := parseNum(name)
			if !ok {
				return BadLine{"id", badID}
			}
			id.Kind = &spladesidecarv1.DocumentId_Num{Num: num}
		case kind == "uuid" && isString:
			id.Kind = &spladesidecarv1.DocumentId_Uuid{Uuid: name}
		case kind == "key" && isString:
			id.Kind = &spladesidecarv1.DocumentId_Key{Key: name}
		default:
			return BadLine{"id", badID}
		}
	}
	return nil
}

// parseNum parses an integer from its digits, since a float64 would round it beyond 2^53. 7.0 and 1e3 are integers too.
func parseNum(text string) (uint64, bool) {
	if isDigits.MatchString(text) {
		num, err := strconv.ParseUint(text, 10, 64)
		return num, err == nil
	}
	float, err := strconv.ParseFloat(text, 64)
	return uint64(float), err == nil && float >= 0 && float < 1<<53 && float == math.Trunc(float)
}

// FormatID formats an id for output.
func FormatID(id *spladesidecarv1.DocumentId) string {
	switch kind := id.GetKind().(type) {
	case *spladesidecarv1.DocumentId_Num:
		return strconv.FormatUint(kind.Num, 10)
	case *spladesidecarv1.DocumentId_Uuid:
		return kind.Uuid
	default:
		return id.GetKey()
	}
}
