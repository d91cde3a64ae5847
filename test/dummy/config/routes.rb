Rails.application.routes.draw do
  get "up" => "rails/health#show", as: :rails_health_check

  root "pages#home"
  get "visits" => "pages#visits", as: :visits
  get "proxy" => "proxies#show", as: :proxy
  match "request" => "requests#show", as: :echo_request, via: :all
  post "echo" => "echoes#create", as: :echo
  post "uploads" => "uploads#create", as: :uploads
  get "downloads/:megabytes" => "downloads#show", as: :download, megabytes: /\d{1,4}/
  resources :documents, only: :create
  get "stored/:megabytes" => "stored_files#show", as: :stored_file, megabytes: /\d{1,4}/
  get "room" => "rooms#show", as: :room
  get "events/:id" => "events#show", as: :events
  post "events/:id" => "events#create"
  get "ticks/:count" => "ticks#show", as: :ticks, count: /\d{1,3}/
  get "slow/:seconds" => "slow#show", as: :slow, seconds: /\d{1,2}/
end
