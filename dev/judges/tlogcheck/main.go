// Command tlogcheck judges notes and proofs by Go's own libraries for transparency logs, of which none is ours.
//
//	tlogcheck note VKEY FILE                       opens a signed note and prints its text
//	tlogcheck record SIZE ROOT INDEX PROOF LEAF    is the leaf in this file at that index?
//	tlogcheck tree SIZE1 ROOT1 SIZE2 ROOT2 PROOF   does the second tree begin with the first one?
//
// Hashes are base64, PROOF is a list of them with commas between. It ends with 0 for what is good, 1 for what is not, 2 for
// what it was asked wrongly.
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	args := os.Args[1:]
	switch {
	case len(args) == 3 && args[0] == "note":
		verifier, err := note.NewVerifier(args[1])
		judge(err)
		opened, err := note.Open(read(args[2]), note.VerifierList(verifier))
		judge(err)
		fmt.Print(opened.Text)
	case len(args) == 6 && args[0] == "record":
		judge(tlog.CheckRecord(proof(args[4]), number(args[1]), hash(args[2]), number(args[3]), tlog.RecordHash(read(args[5]))))
	case len(args) == 6 && args[0] == "tree":
		judge(tlog.CheckTree(proof(args[5]), number(args[3]), hash(args[4]), number(args[1]), hash(args[2])))
	default:
		wrong("usage: tlogcheck note VKEY FILE | record SIZE ROOT INDEX PROOF LEAF | tree SIZE1 ROOT1 SIZE2 ROOT2 PROOF")
	}
}

func judge(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func wrong(why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(2)
}

func read(path string) []byte {
	bytes, err := os.ReadFile(path)
	if err != nil {
		wrong(err.Error())
	}
	return bytes
}

func number(text string) int64 {
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		wrong(err.Error())
	}
	return value
}

func hash(text string) (h tlog.Hash) {
	bytes, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(bytes) != tlog.HashSize {
		wrong(text + " is no hash")
	}
	copy(h[:], bytes)
	return h
}

func proof(text string) (hashes []tlog.Hash) {
	for _, one := range strings.Split(text, ",") {
		if one != "" {
			hashes = append(hashes, hash(one))
		}
	}
	return hashes
}
