// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/patchbay-cx/patchbay/config"
)

func newInit(std stdio) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a first configuration, after a few questions",
		Long: `Init asks for channels, a first queue and its members, statuses and skills, and
writes a commented config that works, to FILE or ` + defaultConfig + `. An empty answer takes
what is in brackets, and so does the end of piped answers. It never overwrites a
file.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("init: %q is one argument too many", args[1])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			file := defaultConfig
			if len(args) == 1 {
				file = args[0]
			}
			return initialize(cmd.Context(), std, file, yes)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "ask nothing and take the defaults")
	return cmd
}

func initialize(ctx context.Context, std stdio, file string, yes bool) error {
	if _, err := os.Lstat(file); err == nil {
		return alreadyThere(file)
	}
	starter := config.DefaultStarter()
	if !yes {
		q := newQuestions(ctx, std)
		if err := q.ask(&starter); err != nil {
			return err
		}
	}
	if err := create(file, starter.YAML()); err != nil {
		return err
	}
	_, err := fmt.Fprintf(std.out, "%s is written.\nNext:  patchbay serve%s\n", file, whichConfig(file))
	return err
}

func whichConfig(file string) string {
	if file == defaultConfig {
		return ""
	}
	return " --config " + file
}

func alreadyThere(file string) error {
	return fmt.Errorf("%s is there already, and is not overwritten; name another file, or remove it", file)
}

// create writes a file that must not be there yet. If it cannot be written
// whole, nothing is left.
func create(file string, content []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return alreadyThere(file)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return nil
}

// questions asks for answers, one a line.
type questions struct {
	ctx         context.Context
	out         io.Writer
	lines       <-chan string // closed at the end of the answers
	interactive bool
	line        int
}

// newQuestions begins to read answers. A read from a terminal cannot be taken
// back, so the reader may outlive the questions: until the next line, or the end
// of the program, which follows an interruption at once.
func newQuestions(ctx context.Context, std stdio) *questions {
	lines := make(chan string)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(std.in)
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	f, ok := std.in.(*os.File)
	return &questions{ctx: ctx, out: std.out, lines: lines, interactive: ok && term.IsTerminal(int(f.Fd()))}
}

// errUnanswered ends the questions of whoever closes the terminal's input.
var errUnanswered = errors.New("nothing is written: the questions were not answered to the end")

// ask fills in a starter, whose values are the defaults.
func (q *questions) ask(s *config.Starter) error {
	for _, next := range []func(*config.Starter) error{
		func(s *config.Starter) error { return q.one("Name of the workspace", &s.Workspace, config.CheckName) },
		func(s *config.Starter) error {
			fmt.Fprintf(q.out, "Kinds of work: %s, or others of your own.\n", strings.Join(config.Kinds(), ", "))
			return q.several("Channels", &s.Channels, 1, config.CheckName)
		},
		func(s *config.Starter) error { return q.one("First queue", &s.Queue, config.CheckName) },
		func(s *config.Starter) error { return q.several("Its members", &s.Members, 0, config.CheckName) },
		func(s *config.Starter) error {
			return q.several("Statuses in which agents take work", &s.Available, 1, config.CheckStatus)
		},
		func(s *config.Starter) error {
			return q.several("Statuses in which they do not", &s.Busy, 0, func(name string) error {
				if slices.Contains(s.Available, name) {
					return fmt.Errorf("%q is a status in which agents take work", name)
				}
				return config.CheckStatus(name)
			})
		},
		q.skills,
	} {
		if err := next(s); err != nil {
			return err
		}
	}
	return nil
}

func (q *questions) skills(s *config.Starter) error {
	var names []string
	if err := q.several("Skills that work may require", &names, 0, config.CheckName); err != nil {
		return err
	}
	for _, name := range names {
		holders := slices.Clone(s.Members)
		if len(holders) > 0 {
			err := q.several("Who holds "+name, &holders, 0, func(agent string) error {
				return config.Known(agent, s.Members, "members")
			})
			if err != nil {
				return err
			}
		}
		s.Skills = append(s.Skills, config.Holding{Skill: name, Holders: holders})
	}
	return nil
}

// one asks for one answer.
func (q *questions) one(question string, into *string, check func(string) error) error {
	return q.put(question, *into, func(answer string) error {
		if err := check(answer); err != nil {
			return err
		}
		*into = answer
		return nil
	})
}

// several asks for a list, with commas or spaces between its entries.
func (q *questions) several(question string, into *[]string, least int, check func(string) error) error {
	otherwise := strings.Join(*into, ", ")
	if least == 0 && otherwise != "" {
		question += " (- for none)"
	}
	return q.put(question, otherwise, func(answer string) error {
		if answer == "-" {
			answer = ""
		}
		list := strings.FieldsFunc(answer, func(r rune) bool { return r == ',' || r == ';' || r == ' ' || r == '\t' })
		for i, name := range list {
			if err := check(name); err != nil {
				return err
			}
			if slices.Contains(list[:i], name) {
				return fmt.Errorf("%q is there twice", name)
			}
		}
		if len(list) < least {
			return errors.New("at least one is needed")
		}
		*into = list
		return nil
	})
}

// put puts a question until it is answered. At a terminal it is asked again
// after a bad answer; a bad answer that was piped ends it all.
func (q *questions) put(question, otherwise string, take func(string) error) error {
	for {
		if otherwise == "" {
			fmt.Fprintf(q.out, "%s: ", question)
		} else {
			fmt.Fprintf(q.out, "%s [%s]: ", question, otherwise)
		}
		answer, err := q.next()
		if err != nil {
			fmt.Fprintln(q.out)
			return err
		}
		if !q.interactive {
			fmt.Fprintln(q.out, answer)
		}
		if answer == "" {
			answer = otherwise
		}
		err = take(answer)
		switch {
		case err == nil:
			return nil
		case q.interactive:
			fmt.Fprintf(q.out, "  %v.\n", err)
		default:
			return fmt.Errorf("answer %d (%s): %w; nothing is written", q.line, question, err)
		}
	}
}

// next returns the next answer. After the last one that was piped they are all
// empty.
func (q *questions) next() (string, error) {
	select {
	case <-q.ctx.Done():
		return "", q.ctx.Err()
	case line, ok := <-q.lines:
		q.line++
		if !ok && q.interactive {
			return "", errUnanswered
		}
		return strings.TrimSpace(line), nil
	}
}
