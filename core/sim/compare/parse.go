// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// maxDepth bounds how deep parentheses may be, maxRequirement how long a
// requirement may be, in bytes.
const (
	maxDepth       = 50
	maxRequirement = 10_000
)

// Require reads a requirement. Errors are RequireErrors.
func Require(text string, names Names) (*Requirement, error) {
	p := &parser{lexer: lexer{text: []rune(text)}, names: names}
	if len(text) > maxRequirement {
		return nil, &RequireError{Text: text, Column: 1, Message: fmt.Sprintf("a requirement has at most %d bytes", maxRequirement)}
	}
	p.next()
	root := p.either(0)
	if p.err == nil && p.token.kind != end {
		p.fail(p.token.at, "%s does not belong here; && or || joins two comparisons", p.token)
	}
	if p.err != nil {
		p.err.Text = text
		return nil, p.err
	}
	return &Requirement{Text: strings.TrimSpace(text), root: root}, nil
}

// kind is what a token is.
type kind uint8

const (
	end kind = iota
	name
	value   // a number, percentage or time
	quoted  // a name in quotes
	sign    // an operator, a parenthesis, a brace, a comma
	garbage // what is nothing
)

// token is a word of a requirement.
type token struct {
	kind kind
	text string
	// at is where it begins and to where it ends, in characters from 0.
	at, to int
}

// String writes the token as errors name it.
func (t token) String() string {
	if t.kind == end {
		return "the end"
	}
	return strconv.Quote(t.text)
}

// lexer takes a requirement apart.
type lexer struct {
	text []rune
	at   int
}

func (l *lexer) take(while func(rune) bool) string {
	from := l.at
	for l.at < len(l.text) && while(l.text[l.at]) {
		l.at++
	}
	return string(l.text[from:l.at])
}

func (l *lexer) token() token {
	l.take(unicode.IsSpace)
	t := token{at: l.at, to: l.at}
	if l.at == len(l.text) {
		return t
	}
	switch c := l.text[l.at]; {
	case c == '_' || unicode.IsLetter(c):
		t.kind, t.text = name, l.take(func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) })
	case c == '-' || c == '.' || unicode.IsDigit(c):
		l.at++
		t.kind, t.text = value, string(c)+l.take(func(r rune) bool {
			return r == '.' || r == '%' || r == 'µ' || unicode.IsLetter(r) || unicode.IsDigit(r)
		})
	case c == '"':
		t.kind, t.text = l.quote()
	default:
		t.kind, t.text = l.sign()
	}
	t.to = l.at
	return t
}

// quote reads a name in quotes, which is written as in Go.
func (l *lexer) quote() (kind, string) {
	from := l.at
	for l.at++; l.at < len(l.text) && l.text[l.at] != '"'; l.at++ {
		if l.text[l.at] == '\\' {
			l.at++
		}
	}
	l.at = min(l.at+1, len(l.text))
	if text, err := strconv.Unquote(string(l.text[from:l.at])); err == nil {
		return quoted, text
	}
	return garbage, string(l.text[from:l.at])
}

func (l *lexer) sign() (kind, string) {
	two := string(l.text[l.at:min(l.at+2, len(l.text))])
	if slices.Contains([]string{"&&", "||", "<=", ">=", "==", "!="}, two) {
		l.at += 2
		return sign, two
	}
	l.at++
	one := string(l.text[l.at-1])
	if slices.Contains([]string{"<", ">", "(", ")", "{", "}", ",", "="}, one) {
		return sign, one
	}
	return garbage, one
}

// parser makes a requirement of tokens. After a fault it goes on to the end, and
// keeps the first.
type parser struct {
	lexer
	names Names
	token token
	err   *RequireError
}

func (p *parser) next() { p.token = p.lexer.token() }

func (p *parser) fail(at int, format string, args ...any) {
	if p.err == nil {
		p.err = &RequireError{Column: at + 1, Message: fmt.Sprintf(format, args...)}
	}
}

// is takes a sign if it is next.
func (p *parser) is(text string) bool {
	if p.err != nil || p.token.kind != sign || p.token.text != text {
		return false
	}
	p.next()
	return true
}

func (p *parser) either(depth int) node {
	left := p.both(depth)
	for p.is("||") {
		left = &either{left, p.both(depth)}
	}
	return left
}

func (p *parser) both(depth int) node {
	left := p.primary(depth)
	for p.is("&&") {
		left = &both{left, p.primary(depth)}
	}
	return left
}

func (p *parser) primary(depth int) node {
	open := p.token
	if !p.is("(") {
		return p.comparing()
	}
	if depth == maxDepth {
		p.fail(open.at, "parentheses are at most %d deep", maxDepth)
		return nil
	}
	inner := p.either(depth + 1)
	if p.err == nil && !p.is(")") {
		p.fail(p.token.at, "%s does not belong here; the parenthesis of column %d is to be closed first", p.token, open.at+1)
	}
	return inner
}

func (p *parser) comparing() node {
	n := &comparing{}
	from := p.token.at
	n.left = p.operand()
	operator := p.token
	for _, text := range []string{"<=", ">=", "<", ">", "==", "!="} {
		if n.operator == "" && p.is(text) {
			n.operator = text
		}
	}
	if n.operator == "" {
		if operator.text == "=" {
			p.fail(operator.at, "a comparison is written ==, not =")
		}
		p.fail(operator.at, "%s does not belong here; a comparison is needed: < <= > >= == or !=", operator)
		return nil
	}
	right := p.token
	n.right = p.operand()
	if p.err != nil {
		return nil
	}
	n.text = n.left.text + " " + n.operator + " " + n.right.text
	if n.left.measure == "" && n.right.measure == "" {
		p.fail(from, "neither side is a measure; compare one, such as %s", serviceLevel)
	}
	p.fits(from, &n.left, &n.right)
	p.fits(right.at, &n.right, &n.left)
	return n
}

// fits checks that what is compared with a measure is in the same unit.
func (p *parser) fits(at int, o, with *operand) {
	if with.measure == "" {
		return
	}
	want := unitOf(with.measure)
	if o.measure != "" {
		if got := unitOf(o.measure); got != want {
			p.fail(at, "%s is in %s and %s in %s; they cannot be compared", o.measure, plainUnit(got), with.measure, plainUnit(want))
		}
		return
	}
	last := o.text[len(o.text)-1]
	isTime, percent := last != '%' && unicode.IsLetter(rune(last)), last == '%'
	switch {
	case want == Seconds && !isTime:
		p.fail(at, "%s is a time; write its unit, as in %ss", with.measure, strings.TrimSuffix(o.text, "%"))
	case want != Seconds && isTime:
		p.fail(at, "%s is no time; write a number%s", with.measure, map[bool]string{true: " such as 0.8, or 80%", false: ""}[want == Share])
	case want != Share && percent:
		p.fail(at, "%s is no share; write a number", with.measure)
	case want == Share && !percent && (o.value < 0 || o.value > 1):
		p.fail(at, "%s is a share between 0 and 1; write 0.8, or 80%%", with.measure)
	}
}

func plainUnit(u Unit) string {
	return map[Unit]string{Seconds: "seconds", Share: "shares", Number: "numbers", SquareSeconds: "square seconds"}[u]
}

func (p *parser) operand() operand {
	t := p.token
	switch {
	case p.err != nil:
	case t.kind == value:
		p.next()
		return p.value(t)
	case t.kind == name:
		p.next()
		return p.measure(t)
	default:
		p.fail(t.at, "%s does not belong here; a measure is needed, such as %s, or a value, such as 80%% or 60s", t, serviceLevel)
	}
	return operand{}
}

func (p *parser) value(t token) operand {
	o := operand{text: t.text}
	number, percent := strings.CutSuffix(t.text, "%")
	if x, err := strconv.ParseFloat(number, 64); err == nil && !strings.ContainsFunc(number, unicode.IsLetter) {
		if o.value = x; percent {
			o.value = x / 100
		}
		return o
	}
	d, err := time.ParseDuration(t.text)
	if err != nil {
		p.fail(t.at, "%q is no value; write a number, a percentage such as 80%% or a time such as 90s or 1m30s", t.text)
	}
	o.value = d.Seconds()
	return o
}

func (p *parser) measure(t token) operand {
	o := operand{measure: t.text, scope: scope{of: ofAll}}
	customers, staff := customerMeasures(), staffMeasures()
	known := slices.Concat(customers, staff)
	if !slices.Contains(known, t.text) {
		p.fail(t.at, "there is no measure %q; %s", t.text, meant(t.text, known))
	}
	last := t.to
	if p.token.kind == sign && p.token.text == "{" {
		last = p.labels(&o)
	}
	if o.scope.of == ofGroup && !slices.Contains(staff, t.text) {
		p.fail(t.at, "a group of agents has no %s; there are %s", t.text, strings.Join(staff, ", "))
	}
	if (o.scope.of == ofClass || o.scope.of == ofQueue) && !slices.Contains(customers, t.text) {
		p.fail(t.at, "a %s has no %s, which is of agents", o.scope.of, t.text)
	}
	o.text = string(p.text[t.at:last])
	return o
}

// labels reads what narrows a measure, and returns where it ends.
func (p *parser) labels(o *operand) int {
	p.next()
	for p.err == nil {
		label := p.token
		lists := map[string][]string{"strategy": p.names.Strategies, ofClass: p.names.Classes, ofQueue: p.names.Queues, ofGroup: p.names.Groups}
		list, ok := lists[label.text]
		if !ok || label.kind != name {
			p.fail(label.at, "%s does not belong here; a measure is narrowed to a class, queue, group or strategy, as in {class=\"sales\"}", label)
			return 0
		}
		p.next()
		if !p.is("=") {
			p.fail(p.token.at, "%s does not belong here; = is needed, as in {%s=\"…\"}", p.token, label.text)
			return 0
		}
		p.label(o, label, list)
		closing := p.token
		switch {
		case p.is("}"):
			return closing.to
		case !p.is(","):
			p.fail(closing.at, "%s does not belong here; } closes what { opened", closing)
		}
	}
	return 0
}

func (p *parser) label(o *operand, label token, list []string) {
	given := p.token
	p.next()
	switch {
	case given.kind != quoted:
		p.fail(given.at, "%s does not belong here; a name in quotes is needed, as in {%s=\"…\"}", given, label.text)
	case !slices.Contains(list, given.text):
		p.fail(given.at, "there is no %s %q; %s", label.text, given.text, meant(given.text, list))
	case label.text == "strategy" && o.strategy == "":
		o.strategy = given.text
	case label.text != "strategy" && o.scope.of == ofAll:
		o.scope = scope{label.text, given.text}
	default:
		p.fail(label.at, "a measure is of one class, queue or group, and of one strategy; this is one too many")
	}
}
