// Plays two parts of the internet for tests: Cloudflare's API as far as lego calls it, and the name server of the zone.
//
//	cloudflare API-ADDRESS DNS-ADDRESS TOKEN-FILE ZONE CHALLTESTSRV-DNS CHALLTESTSRV-MANAGEMENT
//
// The token comes in a file, since tests look for it in the list of processes. With "-without-zone" or "-without-edit" behind it the token lacks just that.
// The zone is found by DNS: lego wants an SOA record in the answer section, which challtestsrv does not give. So SOA and
// NS of the zone are answered here, and every other question is handed on to challtestsrv, which knows the TXT records.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

type record struct {
	Name, Type, Content string
	ID                  string `json:"id"`
}

type api struct {
	sync.Mutex
	token, zone, management string
	records                 map[string]record
}

func main() {
	if len(os.Args) != 7 {
		log.Fatal("usage: cloudflare API-ADDRESS DNS-ADDRESS TOKEN-FILE ZONE CHALLTESTSRV-DNS CHALLTESTSRV-MANAGEMENT")
	}
	arguments := os.Args[1:]
	token, err := os.ReadFile(arguments[2])
	if err != nil {
		log.Fatal(err)
	}
	go serveNames(arguments[1], arguments[3], arguments[4])
	it := &api{token: strings.TrimSpace(string(token)), zone: arguments[3], management: arguments[5], records: map[string]record{}}
	log.Fatal(http.ListenAndServe(arguments[0], it))
}

func (it *api) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	it.Lock()
	defer it.Unlock()
	path := strings.Split(strings.Trim(request.URL.Path, "/"), "/")
	last := path[len(path)-1]
	switch {
	case !strings.HasPrefix(request.Header.Get("Authorization"), "Bearer "+it.token):
		answer(writer, 403, nil, 9109, "Invalid access token")
	case strings.HasSuffix(request.Header.Get("Authorization"), "-without-zone"):
		answer(writer, 200, []string{}, 0, "")
	case strings.HasSuffix(request.Header.Get("Authorization"), "-without-edit") && request.Method == "POST":
		answer(writer, 403, nil, 10000, "Authentication error")
	case request.Method == "GET" && last == "zones":
		found := []map[string]string{}
		if request.URL.Query().Get("name") == it.zone {
			found = append(found, map[string]string{"id": "z1", "name": it.zone})
		}
		answer(writer, 200, found, 0, "")
	case request.Method == "POST" && last == "dns_records":
		var made record
		if err := json.NewDecoder(request.Body).Decode(&made); err != nil {
			answer(writer, 400, nil, 9207, err.Error())
			return
		}
		made.ID = fmt.Sprintf("r%d", len(it.records)+1)
		it.records[made.ID] = made
		it.manage("/set-txt", map[string]string{"host": made.Name + ".", "value": strings.Trim(made.Content, `"`)})
		answer(writer, 200, made, 0, "")
	case request.Method == "DELETE" && len(path) > 1 && path[len(path)-2] == "dns_records":
		it.manage("/clear-txt", map[string]string{"host": it.records[last].Name + "."})
		answer(writer, 200, map[string]string{"id": last}, 0, "")
	default:
		answer(writer, 404, nil, 7003, "No route for that URI")
	}
}

func (it *api) manage(path string, what map[string]string) {
	body, _ := json.Marshal(what)
	response, err := http.Post("http://"+it.management+path, "application/json", bytes.NewReader(body))
	if err != nil {
		log.Print(err)
		return
	}
	response.Body.Close()
}

func answer(writer http.ResponseWriter, status int, result any, code int, message string) {
	problems := []map[string]any{}
	if code != 0 {
		problems = append(problems, map[string]any{"code": code, "message": message})
	}
	writer.Header().Set("Content-Type", "application/json")
	writer.WriteHeader(status)
	body := map[string]any{"success": code == 0, "errors": problems, "messages": []string{}, "result": result}
	_ = json.NewEncoder(writer).Encode(body)
}

func serveNames(address, zone, behind string) {
	socket, err := net.ListenPacket("udp", address)
	if err != nil {
		log.Fatal(err)
	}
	own := net.ParseIP(strings.Split(address, ":")[0]).To4()
	buffer := make([]byte, 4096)
	for {
		count, client, err := socket.ReadFrom(buffer)
		if err != nil {
			log.Fatal(err)
		}
		question := append([]byte(nil), buffer[:count]...)
		go func() {
			reply := reply(question, zone, own)
			if reply == nil {
				reply = handOn(question, behind)
			}
			if reply != nil {
				_, _ = socket.WriteTo(reply, client)
			}
		}()
	}
}

// What the zone's name server says, or nil: somebody else knows.
func reply(question []byte, zone string, own []byte) []byte {
	var parser dnsmessage.Parser
	header, err := parser.Start(question)
	if err != nil {
		return nil
	}
	asked, err := parser.Question()
	if err != nil {
		return nil
	}
	name := strings.ToLower(strings.TrimSuffix(asked.Name.String(), "."))
	server := dnsmessage.MustNewName("ns." + zone + ".")
	resource := dnsmessage.ResourceHeader{Name: asked.Name, Class: dnsmessage.ClassINET, TTL: 60}
	builder := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: header.ID, Response: true, Authoritative: true})
	_ = builder.StartQuestions()
	_ = builder.Question(asked)
	_ = builder.StartAnswers()
	switch {
	case asked.Type == dnsmessage.TypeSOA && name == zone:
		err = builder.SOAResource(resource, dnsmessage.SOAResource{
			NS: server, MBox: server, Serial: 1, Refresh: 60, Retry: 60, Expire: 60, MinTTL: 60})
	case asked.Type == dnsmessage.TypeSOA:
		// There is such a name, and it is no zone.
	case asked.Type == dnsmessage.TypeNS && name == zone:
		err = builder.NSResource(resource, dnsmessage.NSResource{NS: server})
	case asked.Type == dnsmessage.TypeA && name == "ns."+zone:
		err = builder.AResource(resource, dnsmessage.AResource{A: [4]byte(own)})
	case asked.Type == dnsmessage.TypeAAAA && name == "ns."+zone:
	default:
		return nil
	}
	if err != nil {
		log.Print(err)
		return nil
	}
	message, err := builder.Finish()
	if err != nil {
		log.Print(err)
	}
	return message
}

func handOn(question []byte, behind string) []byte {
	connection, err := net.Dial("udp", behind)
	if err != nil {
		return nil
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(2 * time.Second))
	buffer := make([]byte, 4096)
	if _, err := connection.Write(question); err != nil {
		return nil
	}
	count, err := connection.Read(buffer)
	if err != nil {
		return nil
	}
	return buffer[:count]
}
