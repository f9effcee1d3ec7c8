// Answers on LISTEN_ADDR: every TCP connection and every UDP datagram gets one line that says which protocol it was.
// Without it on SERVICE_IP, at each of PORTS ("25 993/tls"), as a mail server does: TCP alone, the server speaks first.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log"
	"math/big"
	"net"
	"os"
	"strings"
	"time"
)

func main() {
	address := os.Getenv("LISTEN_ADDR")
	if address == "" {
		for _, port := range strings.Fields(os.Getenv("PORTS")) {
			number, encrypted := strings.CutSuffix(port, "/tls")
			go serve(net.JoinHostPort(os.Getenv("SERVICE_IP"), number), encrypted)
		}
		select {}
	}
	packets, err := net.ListenPacket("udp", address)
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		buffer := make([]byte, 1500)
		for {
			_, from, err := packets.ReadFrom(buffer)
			if err != nil {
				log.Fatal(err)
			}
			packets.WriteTo([]byte("udp of "+address+"\n"), from)
		}
	}()
	serve(address, false)
}

func serve(address string, encrypted bool) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	if encrypted {
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate()}})
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			fmt.Fprintf(connection, "tcp of %s\n", address)
			connection.Close()
		}()
	}
}

// One that nobody else has: who sees it has reached this program.
func certificate() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the mail server's own"},
		NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		log.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
