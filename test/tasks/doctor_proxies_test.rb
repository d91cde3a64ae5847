# frozen_string_literal: true

require "test_helper"
require "ipaddr"
require "support/doctor_test"

class DoctorProxiesTest < DoctorTest
  CHECK = Thruster::Doctor::Proxies

  test "what is set by nobody is sound" do
    assert_sound examine(CHECK)
    assert_sound examine(CHECK, config: { force_ssl: true })
  end

  test "trust in everybody is a warning" do
    assert_found :warning, /everybody/, examine(CHECK, settings: { "trusted_proxies" => [ "0.0.0.0/0", "::/0" ] })
  end

  test "two lists of proxies that differ are a warning, and the same list twice is not" do
    rails = { action_dispatch: OpenStruct.new(trusted_proxies: [ IPAddr.new("203.0.113.0/24") ]) }

    differing = examine(CHECK, config: rails, settings: { "trusted_proxies" => [ "private" ] })
    same = examine(CHECK, config: rails, settings: { "trusted_proxies" => [ "203.0.113.0/24" ] })
    pushed = examine(CHECK, config: rails, pushed: { "trusted_proxies" => "203.0.113.0/24" })

    assert_found :warning, /Rails trusts 203\.0\.113\.0.*thrust private/, differing
    assert_sound same
    assert_sound pushed
  end

  test "force_ssl is a circle where X-Forwarded-Proto is dropped" do
    off = examine(CHECK, config: { force_ssl: true }, settings: { "forward_headers" => false })
    none = examine(CHECK, config: { force_ssl: true }, settings: { "trusted_proxies" => [] })

    assert_found :error, /force_ssl/, off
    assert_found :error, /force_ssl/, none
    assert_found :error, /force_ssl/, examine(CHECK, config: { force_ssl: true }, pushed: { "forward_headers" => "off" })
    assert_found :error, /force_ssl/, examine(CHECK, config: { force_ssl: true }, pushed: { "trusted_proxies" => "none" })
  end

  test "force_ssl is none where TLS is assumed or thrust speaks it" do
    dropping = { "forward_headers" => false }

    assert_sound examine(CHECK, config: { force_ssl: true, assume_ssl: true }, settings: dropping)
    assert_sound examine(CHECK, config: { force_ssl: true }, settings: dropping.merge("tls_domain" => [ "shop.example" ]))
    assert_sound examine(CHECK, settings: dropping)
  end
end
