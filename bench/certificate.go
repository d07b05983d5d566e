package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// certificateVariable names the folder with the server's certificate.
const certificateVariable = "CONNIX_BENCH_CERTIFICATE"

// certificate makes a certificate for loopback, once in a process, and returns its
// folder. The process then trusts it and no other: default clients use it as they
// use that of a real API.
var certificate = sync.OnceValues(func() (folder string, err error) {
	if folder, err = os.MkdirTemp("", "connix-bench"); err != nil {
		return "", err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "loopback"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:         true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return "", err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	certFile, keyFile := certificateFiles(folder)
	return folder, errors.Join(
		os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600),
		os.Setenv("SSL_CERT_FILE", certFile),
	)
})

func certificateFiles(folder string) (cert, key string) {
	return filepath.Join(folder, "certificate.pem"), filepath.Join(folder, "key.pem")
}

// removeCertificate removes what certificate has made.
func removeCertificate() {
	if folder, err := certificate(); err == nil {
		_ = os.RemoveAll(folder)
	}
}
