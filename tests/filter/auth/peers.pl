# Mail::DKIM as the other side: signs, seals or checks the message on standard input, asking the DNS server
# of its arguments.
#
#     peers.pl verify|arc-verify PORT
#     peers.pl sign|seal KEY-FILE DOMAIN SELECTOR [CHAIN]
use strict;
use warnings;
use Mail::DKIM::ARC::Signer;
use Mail::DKIM::ARC::Verifier;
use Mail::DKIM::DNS;
use Mail::DKIM::Signer;
use Mail::DKIM::Verifier;
use Net::DNS;

my ($what, @rest) = @ARGV;
binmode STDIN;
binmode STDOUT;
my $message = do { local $/; <STDIN> };
my $dkim;
if ($what =~ /verify/) {
    Mail::DKIM::DNS::resolver(
        Net::DNS::Resolver->new(nameservers => ['127.0.0.1'], port => $rest[0], recurse => 1));
    $dkim = $what eq 'verify' ? Mail::DKIM::Verifier->new : Mail::DKIM::ARC::Verifier->new;
} else {
    my ($file, $domain, $selector, $chain) = @rest;
    my %common = (
        Algorithm => 'rsa-sha256',
        Domain => $domain,
        Selector => $selector,
        KeyFile => $file);
    $dkim = $what eq 'sign'
        ? Mail::DKIM::Signer->new(%common, Method => 'relaxed/relaxed')
        : Mail::DKIM::ARC::Signer->new(%common, Chain => $chain, SrvId => "mx.$domain", Timestamp => 1750000000);
}
$dkim->PRINT($message);
$dkim->CLOSE;
if ($what =~ /verify/) {
    print $dkim->result_detail;
} else {
    die $dkim->result_detail . "\n" if $what eq 'seal' && $dkim->result ne 'sealed';
    print map { "$_\015\012" } $what eq 'sign' ? $dkim->signature->as_string : $dkim->as_strings;
}
